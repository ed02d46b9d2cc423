//! Signed files and revocation lists that the link carries: ours to the broker, everybody's from it.

use std::{sync::Arc, time::Duration};

use certs::{files::Bytes3, trust};
use model::{ids::JurisdictionId, limits};
use proto::v1::{self, directory_client::DirectoryClient};
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;

use super::Phase;
use crate::desk::Desk;

/// How often we ask while the link is up.
const EVERY: Duration = Duration::from_mins(1);

/// How soon after a question another is asked.
const SOON: Duration = Duration::from_secs(2);

/// Asks when the link has come up, and then now and then.
pub async fn run(desk: Arc<Desk>, stop: CancellationToken) {
    let mut link = desk.link.watch();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            up = link.wait_for(|state| state.phase == Phase::Up) => if up.is_err() { return },
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = again(&desk) => {}
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

async fn again(desk: &Desk) {
    if let Some(channel) = desk.link.channel() {
        once(desk, channel).await;
    }
}

/// Fetches the signed files before anything is judged by them, if the broker has newer ones. What was sealed under a key
/// or sent by a grant that we have not heard of would else be refused, and a refusal is for good.
pub(super) async fn before(desk: &Desk, channel: Channel, welcome: &v1::Welcome) {
    let trusted = desk.tls.trusted();
    let (directory, grants) = (trusted.directory.version, trusted.policy.version);
    if welcome.directory_version > directory || welcome.grants_version > grants {
        once(desk, channel).await;
    }
}

/// Fetches them now, within a session, when what came goes by files that are not here. Not again within [`SOON`]: else
/// every message that is rightly refused would cost a question.
pub(super) async fn soon(desk: &Desk) {
    if let Some(channel) = desk.link.channel().filter(|_| desk.link.may_ask_for_trust(SOON)) {
        once(desk, channel).await;
    }
}

/// Offers our own revocation list, and puts in force what the broker has that is newer than ours. Every file is verified
/// here against the pinned root and against what is in force: a broker can withhold, but not forge or turn back.
async fn once(desk: &Desk, channel: Channel) {
    let mut broker = DirectoryClient::new(channel).max_decoding_message_size(8 * 1024 * 1024);
    let asked = tokio::time::timeout(limits::FIRST_REQUEST_TIME_MAX, broker.fetch(ask(desk))).await;
    let answer = match asked {
        Ok(Ok(answer)) => answer.into_inner(),
        Ok(Err(status)) => return tracing::debug!(%status, "the broker told no signed files"),
        Err(_) => return tracing::debug!("the broker told no signed files in time"),
    };
    take(desk, answer, "the broker");
}

/// The same from a bundle: what was in force where it was written counts if it is newer than ours.
pub(crate) fn from_bundle(desk: &Desk, carried: v1::BundleTrust) {
    let v1::BundleTrust { root, directory, grants, crls } = carried;
    let ours = desk.tls.trusted().bytes.clone();
    let differs = |theirs: bytes::Bytes, ours: String| if theirs == ours { bytes::Bytes::new() } else { theirs };
    let files = v1::FetchResponse {
        root: differs(root, ours.root),
        directory: differs(directory, ours.directory),
        grants: differs(grants, ours.grants),
        crls,
    };
    take(desk, files, "a bundle");
}

fn take(desk: &Desk, answer: v1::FetchResponse, from: &'static str) {
    let Some((bytes, lists)) = newer(desk, answer) else { return };
    match trust::install(desk.tls.folder(), &bytes, &lists, desk.clock.now()) {
        Ok(installed) => {
            tell(&installed, from);
            if let Err(error) = desk.tls.reload() {
                tracing::warn!(%error, "trust stays as it was");
            }
        }
        Err(error) => tracing::warn!(%error, from, "signed files are not taken; trust stays as it was"),
    }
}

fn tell(installed: &trust::Installed, from: &'static str) {
    let (directory, grants) = (installed.trusted.directory.version, installed.trusted.policy.version);
    tracing::info!(directory, grants, from, "newer signed files are in force");
    if installed.new_evidence {
        tracing::warn!(
            "the new evidence key is certified: restart the agent within two weeks, so that it seals with it"
        );
    }
}

fn ask(desk: &Desk) -> v1::FetchRequest {
    let trusted = desk.tls.trusted();
    v1::FetchRequest {
        directory_version: trusted.directory.version,
        grants_version: trusted.policy.version,
        root_version: trusted.root.version,
        crl: own_list(desk, &desk.names.agent.jurisdiction).unwrap_or_default().into(),
    }
}

/// The list that our own authority wrote last, where it lies here.
fn own_list(desk: &Desk, us: &JurisdictionId) -> Option<String> {
    let lists = &desk.tls.trusted().revocations.lists;
    lists.get(us).map(|list| list.pem.clone())
}

/// What of the answer is newer than what is in force; nothing, if nothing is.
fn newer(desk: &Desk, answer: v1::FetchResponse) -> Option<(Bytes3, Vec<String>)> {
    let v1::FetchResponse { directory, grants, root, crls } = answer;
    let ours = desk.tls.trusted().bytes.clone();
    let or = |theirs: &[u8], ours: String| {
        if theirs.is_empty() { ours } else { String::from_utf8_lossy(theirs).into_owned() }
    };
    let lists: Vec<String> = crls.iter().map(|crl| String::from_utf8_lossy(crl).into_owned()).collect();
    let bytes = Bytes3 {
        root: or(&root, ours.root),
        directory: or(&directory, ours.directory),
        grants: or(&grants, ours.grants),
    };
    let files = !(directory.is_empty() && grants.is_empty() && root.is_empty());
    (files || desk.tls.lacks(&lists)).then_some((bytes, lists))
}
