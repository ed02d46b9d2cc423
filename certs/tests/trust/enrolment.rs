//! Two offices that share nothing but what is carried between them.

use std::{fs, path::PathBuf, time::Duration};

use certs::{
    files::name,
    handover::{self, Bundle, Request},
    keys,
    region::{self, Admission, Proposal, Region, RegionError, Revoked},
    tls::{Identity, Listener},
    trust::{self, Change, Joined},
};
use model::{ids::JurisdictionId, time::Timestamp};

use crate::office::{DAY, NOW, Office, call, member};

const LYG: &str = "320700";
const MINUTE: Duration = Duration::from_mins(1);

/// The secretariat's region, and 连云港's empty cellar.
struct Two {
    office: Office,
    cellar: tempfile::TempDir,
    now: Timestamp,
}

impl Two {
    fn new() -> Self {
        Self { office: Office::new(), cellar: tempfile::tempdir().unwrap(), now: NOW }
    }

    fn trust(&self) -> PathBuf {
        self.cellar.path().join("trust")
    }

    /// Time goes on at both places.
    fn later(&mut self) -> Timestamp {
        self.office.advance(MINUTE);
        self.now = self.now.plus(MINUTE);
        self.now
    }

    fn invite(&mut self) -> String {
        let now = self.later();
        self.office.region.invite(&member(LYG, "连云港", "Lianyungang"), DAY * 14, now).unwrap().file
    }

    fn join(&mut self, invitation: &str) -> Joined {
        let now = self.later();
        trust::join(&self.trust(), invitation, "desk", now).unwrap()
    }

    fn admit(&mut self, request: &str) -> Result<Admission, RegionError> {
        let now = self.later();
        let words = Request::read(request).unwrap().words.to_string();
        self.office.region.admit(request, &words, now)
    }

    /// Carries the bundle to 连云港.
    fn install(&mut self) -> Result<trust::Installed, trust::TrustError> {
        let now = self.later();
        let bundle = Bundle::read(&self.office.region.bundle().unwrap()).unwrap();
        trust::install(&self.trust(), &bundle.bytes(), &bundle.lists(), now)
    }

    async fn is_served(&self) -> bool {
        let caller = Identity::load(&self.trust(), self.office.clock()).unwrap();
        call(&self.office.identity("broker"), Listener::Agents, &caller).await.answer.is_ok()
    }

    async fn joined() -> Self {
        let mut two = Self::new();
        let invitation = two.invite();
        let joined = two.join(&invitation);
        two.admit(&joined.request).unwrap();
        two.install().unwrap();
        assert!(two.is_served().await);
        two
    }
}

fn version(admission: Admission) -> u64 {
    match admission.proposal.unwrap() {
        Proposal::InForce(version) => version,
        other => panic!("not in force: {other:?}"),
    }
}

#[tokio::test]
async fn a_neighbour_joins_by_three_files_and_is_served() {
    let mut two = Two::new();

    let invitation = two.invite();
    let joined = two.join(&invitation);
    let words = handover::root_words(&fs::read_to_string(two.office.folder("broker").join(name::ROOT)).unwrap());
    assert_eq!(joined.root_words, words);
    assert_eq!(joined.invitation.endpoints, ["localhost:7443", "127.0.0.1:7443"]);
    let admission = two.admit(&joined.request).unwrap();
    assert_eq!(version(admission), 2);
    let installed = two.install().unwrap();

    assert!(installed.bound);
    assert_eq!(installed.trusted.directory.version, 2);
    assert!(two.is_served().await);
    let id: JurisdictionId = LYG.parse().unwrap();
    let evidence = keys::signing(&two.trust().join(name::EVIDENCE_KEY)).unwrap().verifying_key();
    let certified = two.office.region.in_force().unwrap().evidence;
    assert_eq!(certified[&model::seal::key_id(&evidence)].owner, id);
}

#[tokio::test]
async fn the_authoritys_key_never_leaves_its_place() {
    let two = Two::joined().await;

    let key = fs::read_to_string(two.trust().join(name::CA_KEY)).unwrap();
    let secret = key.lines().nth(1).unwrap();

    assert!(everything(&two.office.region.folder).iter().all(|text| !text.contains(secret)));
}

fn everything(folder: &std::path::Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { everything(&path) } else { vec![fs::read_to_string(path).unwrap()] })
        .collect()
}

#[tokio::test]
async fn joining_twice_keeps_the_keys_and_admitting_twice_changes_nothing() {
    let mut two = Two::new();
    let invitation = two.invite();
    let first = two.join(&invitation);
    let second = two.join(&invitation);

    let (one, other) = (Request::read(&first.request).unwrap(), Request::read(&second.request).unwrap());
    assert_eq!((one.bound.public_key, one.request.evidence), (other.bound.public_key, other.request.evidence));
    two.admit(&first.request).unwrap();
    assert!(two.admit(&second.request).unwrap().proposal.is_none());
}

#[test]
fn an_invitation_is_good_once() {
    let mut two = Two::new();
    let invitation = two.invite();
    let joined = two.join(&invitation);
    two.admit(&joined.request).unwrap();
    two.office.region.revoke(&Revoked::Member(LYG.parse().unwrap()), two.now).unwrap();

    let again = two.admit(&joined.request);

    assert!(matches!(again, Err(RegionError::Uninvited(_))));
}

#[test]
fn an_invitation_is_good_until_its_end() {
    let mut two = Two::new();
    let invitation = two.invite();
    let joined = two.join(&invitation);

    two.now = two.now.plus(DAY * 15);

    assert!(matches!(two.admit(&joined.request), Err(RegionError::Uninvited(_))));
    let error = trust::join(&two.trust(), &invitation, "desk", two.now).unwrap_err().to_string();
    assert_eq!(error, "the invitation has expired; ask for another");
}

#[test]
fn an_invitation_that_was_changed_on_its_way_pins_nothing() {
    let mut two = Two::new();
    let invitation = two.invite();

    let moved = invitation.replace("localhost:7443", "evil.example:7443");

    assert!(trust::join(&two.trust(), &moved, "desk", two.now).is_err());
    assert!(!two.trust().exists());
}

#[test]
fn an_invitation_of_a_forged_region_has_other_words() {
    let (mut two, mut forger) = (Two::new(), Two::new());

    let (ours, theirs) = (two.invite(), forger.invite());

    assert_ne!(two.join(&ours).root_words, Two::new().join(&theirs).root_words);
    // and one that comes later does not replace what was pinned
    let error = trust::join(&two.trust(), &theirs, "desk", two.now).unwrap_err().to_string();
    assert!(error.starts_with("root.toml: "), "{error}");
}

#[test]
fn a_request_is_admitted_only_with_the_words_that_were_heard() {
    let mut two = Two::new();
    let invitation = two.invite();
    let (joined, intruder) = (two.join(&invitation), {
        let elsewhere = tempfile::tempdir().unwrap();
        trust::join(&elsewhere.path().join("trust"), &invitation, "desk", two.now).unwrap()
    });

    // the intruder's file arrives; the officer reads the words of his own
    let heard = joined.request_words.to_string();
    let result = two.office.region.admit(&intruder.request, &heard, two.now);

    assert!(matches!(result, Err(RegionError::Words)));
    assert!(two.office.region.admit(&joined.request, &joined.request_words.numbers(), two.now).is_ok());
}

#[test]
fn a_request_whose_sender_lacks_a_key_in_it_is_refused() {
    let mut two = Two::new();
    let invitation = two.invite();
    let joined = two.join(&invitation);
    let other = Two::new().join(&invitation);
    let evidence = |file: &str| Request::read(file).unwrap().request.evidence;

    let swapped = joined.request.replace(&evidence(&joined.request), &evidence(&other.request));
    let borrowed =
        joined.request.lines().filter(|line| !line.starts_with("# evidence ")).collect::<Vec<_>>().join("\n");

    for bad in [swapped, borrowed] {
        let error = Request::read(&bad).unwrap_err().to_string();
        assert_eq!(error, "the request does not prove that its sender holds the keys in it");
    }
}

#[test]
fn nobody_joins_under_anothers_name() {
    let mut two = Two::new();
    let invitation = two.invite();
    let joined = two.join(&invitation);
    let forged = trust::join(&two.cellar.path().join("x"), &invitation, "desk", two.now).unwrap();
    two.admit(&joined.request).unwrap();

    // a second authority for a known member, without the first one's word: it waits for the root keys
    let admission = two.admit(&forged.request).unwrap();

    assert!(matches!(admission.proposal, Some(Proposal::WaitsForRoot(_))));
    assert_eq!(two.office.region.in_force().unwrap().directory.version, 2);
}

#[test]
fn with_one_signer_at_hand_a_proposal_waits_for_the_other() {
    let mut two = Two::new();
    let invitation = two.invite();
    let joined = two.join(&invitation);
    let folder = two.office.region.folder.clone();
    let carried = tempfile::tempdir().unwrap();
    for number in [2, 3] {
        let file = format!("signer-{number}.key");
        fs::rename(folder.join("offline").join(&file), carried.path().join(&file)).unwrap();
    }

    let mut alone = region::open(&folder).unwrap();
    let words = joined.request_words.to_string();
    let admission = alone.admit(&joined.request, &words, two.now).unwrap();
    let Some(Proposal::Waits { file, have: 1, need: 2 }) = admission.proposal else { panic!("{admission:?}") };
    assert_eq!(alone.in_force().unwrap().directory.version, 1);
    assert!(matches!(alone.refresh(two.now), Err(RegionError::Waiting(_))));

    let second = [keys::signing(&carried.path().join("signer-2.key")).unwrap()];
    region::sign_file(&file, &second).unwrap();
    let mut again = region::open(&folder).unwrap();
    assert!(matches!(again.enforce(two.now).unwrap(), Proposal::InForce(2)));
    assert!(!file.exists());
    let trusted = again.in_force().unwrap();
    assert!(trusted.revocations.lists.contains_key(&LYG.parse().unwrap()), "the list waited with it");
}

#[tokio::test]
async fn a_member_changes_its_authority_by_its_old_ones_word() {
    let mut two = Two::joined().await;
    let before = Identity::load(&two.trust(), two.office.clock()).unwrap();
    let now = two.later();

    let (request, _) = trust::request(&two.trust(), Change::Authority, now).unwrap();
    assert!(two.is_served().await, "the old authority is good until the directory says otherwise");
    version(two.admit(&request).unwrap());
    let installed = two.install().unwrap();

    assert!(installed.new_authority && installed.bound);
    assert!(two.is_served().await);
    let old = call(&two.office.identity("broker"), Listener::Agents, &before).await;
    assert_eq!(old.refusal(), "the certificate was not issued by the authority bound to its name");
}

#[tokio::test]
async fn a_member_changes_its_evidence_key_and_the_old_one_gets_an_end() {
    let mut two = Two::joined().await;
    let old = model::seal::key_id(&keys::signing(&two.trust().join(name::EVIDENCE_KEY)).unwrap().verifying_key());
    let now = two.later();

    let (request, _) = trust::request(&two.trust(), Change::Evidence, now).unwrap();
    version(two.admit(&request).unwrap());
    let installed = two.install().unwrap();

    assert!(installed.new_evidence);
    let new = model::seal::key_id(&keys::signing(&two.trust().join(name::EVIDENCE_KEY)).unwrap().verifying_key());
    let evidence = installed.trusted.evidence;
    assert!(evidence[&old].until.is_some() && evidence[&new].until.is_none());
}

#[tokio::test]
async fn who_lost_its_authority_comes_back_by_the_root_keys() {
    let mut two = Two::joined().await;
    fs::remove_file(two.trust().join(name::CA_KEY)).unwrap();
    fs::remove_dir_all(two.trust()).unwrap();
    let invitation = two.invite();
    let joined = two.join(&invitation);

    let Some(Proposal::WaitsForRoot(draft)) = two.admit(&joined.request).unwrap().proposal else { panic!() };
    let root = |number| two.office.region.folder.join(format!("offline/root-{number}.key"));
    let roots = region::signing_keys(&[root(1), root(3)]).unwrap();
    region::sign_file(&draft, &roots).unwrap();
    let now = two.later();

    assert!(matches!(two.office.region.enforce(now).unwrap(), Proposal::InForce(3)));
    assert!(two.install().unwrap().bound);
    assert!(two.is_served().await);
}

#[tokio::test]
async fn a_list_of_a_member_is_carried_like_everything_else() {
    let mut two = Two::joined().await;
    let stolen = trust::identity_of(&two.trust()).unwrap().1.serial;
    let (now, authority) = (two.later(), trust::authority(&two.trust()).unwrap());

    let list = trust::revoke(&two.trust(), &authority, &[stolen], now).unwrap();
    assert!(two.is_served().await, "the broker does not know yet");
    assert_eq!(two.office.region.take_lists(std::slice::from_ref(&list)).unwrap(), 1);
    assert!(!two.is_served().await);

    trust::renew(&two.trust(), &authority, two.now).unwrap();
    assert!(two.is_served().await);
    assert_eq!(two.office.region.take_lists(&[list]).unwrap(), 0, "it is no news");
}

#[tokio::test]
async fn refreshing_makes_everything_good_for_another_month() {
    let mut two = Two::joined().await;
    let later = NOW.plus(DAY * 20);

    let mut again: Region = region::open(&two.office.region.folder).unwrap();
    assert!(matches!(again.refresh(later).unwrap(), Proposal::InForce(3)));

    let trusted = again.in_force().unwrap();
    assert_eq!(trusted.directory_expires, later.plus(DAY * 30));
    assert!(!trusted.policy.is_stale(later.plus(DAY * 29)));
    assert_eq!(trusted.policy.version, 2);
    assert_eq!(two.install().unwrap().trusted.directory.version, 3);
}

#[test]
fn a_directory_that_pins_nothing_takes_no_bundle() {
    let mut two = Two::new();
    fs::create_dir(two.trust()).unwrap();

    assert!(matches!(two.install(), Err(trust::TrustError::NotPinned(_))));
}

#[test]
fn a_region_is_made_in_a_new_folder_only() {
    let office = Office::new();
    let spec = region::Spec {
        region: "linyi".parse().unwrap(),
        broker_hosts: vec!["localhost".to_owned()],
        members: Vec::new(),
        agreements: Vec::new(),
    };

    assert!(matches!(region::create(&office.region.folder, &spec, NOW), Err(RegionError::Occupied(_))));
}
