//! The workflows: one noun for each sort of matter, one verb for each step of it. A step is a kind of message that is
//! sent in a certain way, with a form filled in from the message that it follows.

mod board;
pub mod step;

use clap::Subcommand;
use model::{kind::Kind, status::Action};

use self::step::{Begin, On, Step};
use super::{alert, desk::Where, drill, out::Context};

/// A noun, its steps with the kind and the action of their messages and what they say from the beginning, and its views.
macro_rules! matter {
    (
        $(#[$about:meta])* $noun:ident;
        $($(#[$doc:meta])* $verb:ident($how:ty) => $kind:ident $action:ident $([$($field:literal = $said:literal),+])?;)+
        $(@ $(#[$seen:meta])* $view:ident($of:ty);)*
    ) => {
        $(#[$about])*
        #[derive(Debug, Subcommand)]
        pub enum $noun {
            $($(#[$doc])* $verb(Box<$how>),)+
            $($(#[$seen])* $view($of),)*
        }

        impl $noun {
            /// Does it.
            pub async fn run(self, place: &Where, context: Context) -> anyhow::Result<()> {
                match self {
                    $(Self::$verb(how) => {
                        let says: &[(&str, &str)] = &[$($(($field, $said)),+)?];
                        how.run(&Step { kind: Kind::$kind, action: Action::$action, says }, place, context).await
                    })+
                    $(Self::$view(view) => view.run(place, context).await,)*
                }
            }
        }
    };
}

matter! {
    /// Resources: ask for them, offer, order, send and settle.
    Request;
    /// Ask neighbours for resources
    New(Begin) => ResourceRequest Originate;
    /// Change a request of ours
    Change(On) => ResourceRequest Update;
    /// Take a request of ours back
    Cancel(On) => ResourceRequest Cancel;
    /// Answer a request, each item: offer, offer a part, defer or decline
    Offer(On) => ResourceOffer Reply;
    /// Offer resources that nobody has asked for
    Volunteer(Begin) => ResourceOffer Originate ["solicited" = "NO"];
    /// Order what was offered, all of it or a part
    Accept(On) => ResourceDecision Reply;
    /// Promise a mission for an order
    Commit(On) => ResourceCommitment Reply;
    /// Report on a mission: departure, arrival, strength, problems
    Status(On) => DeploymentStatus Reply;
    /// Ask for more time with a mission, or answer that
    Extend(On) => Extension Reply;
    /// Release a mission or ask for it back, or answer that
    Release(On) => ReleaseReturn Reply;
    /// State the costs of a mission, or answer that
    Settle(On) => CostStatement Reply;
    @ /// Items that are asked for: what is offered, promised and still missing
    Board(board::Board);
}

matter! {
    /// Verification of leads: ask the place concerned, and answer.
    Verify;
    /// Ask a place to verify what was heard
    New(Begin) => VerificationRequest Originate;
    /// Answer with what was found
    Reply(On) => VerificationReply Reply;
    /// Accept the finding
    Confirm(On) => VerificationRequest Update ["verdict" = "CONFIRMED"];
    /// Ask again: the finding is not enough
    Reopen(On) => VerificationRequest Update ["verdict" = "REOPENED"];
}

matter! {
    /// Alerts to the areas that they name.
    Alert;
    /// Issue an alert
    Issue(Begin) => Alert Originate ["alert_action" = "ISSUE"];
    /// Update an alert of ours
    Update(On) => Alert Update ["alert_action" = "UPDATE"];
    /// Raise an alert of ours to a graver colour
    Upgrade(On) => Alert Update ["alert_action" = "UPGRADE"];
    /// Lower an alert of ours
    Downgrade(On) => Alert Update ["alert_action" = "DOWNGRADE"];
    /// End an alert of ours
    Cancel(On) => Alert Cancel ["alert_action" = "CANCEL"];
    @ /// Check a CAP file by itself; no agent is asked
    Check(alert::Check);
    @ /// Read a CAP file, check it against the alerts here, and print it as a draft
    Import(Box<alert::Import>);
    @ /// Write an alert as CAP 1.2, or give back the file that came
    Export(alert::Export);
}

matter! {
    /// Joint action: traffic, evacuation, gates, shelter.
    JointAction;
    /// Ask neighbours to act
    Request(Begin) => ActionRequest Originate;
    /// Decide on each action that is asked for
    Respond(On) => ActionResponse Reply;
    /// Report how far an action is
    Progress(On) => ActionStatus Reply;
}

matter! {
    /// Consultations: call, join, conclude.
    Consult;
    /// Call a consultation
    Call(Begin) => ConsultationCall Originate;
    /// Say whether we join
    Reply(On) => ConsultationCall Reply;
    /// Write down what came of it
    Conclude(On) => ConsultationConclusion Reply;
    /// Confirm a conclusion, or object
    Confirm(On) => ConsultationConclusion Reply;
}

matter! {
    /// Joint drills: invite, plan, run and evaluate.
    Drill;
    /// Invite to a drill
    #[command(visible_alias = "new")]
    Invite(Begin) => DrillInvitation Originate ["sequence" = "1"];
    /// Move or change a drill of ours
    Move(On) => DrillInvitation Update;
    /// Call a drill of ours off
    Cancel(On) => DrillInvitation Cancel;
    /// Answer an invitation
    Reply(On) => DrillReply Reply;
    /// Write the script of a drill
    Plan(On) => DrillPlan Originate;
    /// Start the exercise
    Start(On) => DrillControl Originate ["header.drill.control" = "STARTEX"];
    /// Pause the exercise
    Pause(On) => DrillControl Originate ["header.drill.control" = "PAUSEX"];
    /// Go on with the exercise
    Resume(On) => DrillControl Originate ["header.drill.control" = "RESUME"];
    /// End the exercise
    End(On) => DrillControl Originate ["header.drill.control" = "ENDEX"];
    /// Stop everything of the drill: something real has happened
    Abort(On) => DrillControl Originate ["header.drill.control" = "ABORT_REAL_EMERGENCY"];
    /// Inject a situation into a live drill
    Inject(On) => DrillInject Originate;
    /// Evaluate a drill: the form has the times, and a proposal for each that was not kept
    Evaluate(On) => DrillEvaluation Originate;
    @ /// How a drill went: times against deadlines, out of receipts
    Score(drill::Score);
    @ /// The after-action report as a draft: Markdown, or with -o json for `drill evaluate -f`
    Report(drill::Report);
}

matter! {
    /// Joint meetings: invite, answer, minutes, tasks, handover.
    Meeting;
    /// Invite to a meeting
    New(Begin) => MeetingNotice Originate ["sequence" = "1", "method" = "REQUEST"];
    /// Move or change a meeting of ours
    Move(On) => MeetingNotice Update;
    /// Call a meeting of ours off
    Cancel(On) => MeetingNotice Cancel ["method" = "CANCEL"];
    /// Answer a notice
    Reply(On) => MeetingReply Reply;
    /// Write the minutes of a meeting of ours
    Minutes(On) => Minutes Originate;
    /// Confirm minutes, or object
    Confirm(On) => Minutes Reply;
    /// Give somebody a task out of minutes or a drill's review
    Task(On) => ActionItem Originate;
    /// Report on a task
    Progress(On) => ActionItem Reply;
    /// Hand the chair over
    Handover(Begin) => Handover Originate;
}

matter! {
    /// Duty reports: nothing is ever sent unless a person sends it.
    Report;
    /// Report that nothing happened today
    Zero(Begin) => DutyReport Originate ["report" = "ZERO"];
    /// Report on the day
    Daily(Begin) => DutyReport Originate ["report" = "DAILY"];
    @ /// Whose report of today is late or missing, as far as this desk was told
    Owed(board::Owed);
}

matter! {
    /// Reports on an incident, one after another.
    IncidentReport;
    /// First report of an incident
    Report(Begin) => IncidentReport Originate ["report_type" = "INITIAL", "sequence_no" = "0"];
    /// Next report on an incident of ours
    FollowUp(On) => IncidentReport Update ["report_type" = "FOLLOW_UP"];
    /// The incident is over
    Resolve(On) => IncidentReport Update ["report_type" = "FOLLOW_UP", "resolved" = "true"];
    /// Final report: cause, totals, aftermath
    Final(On) => IncidentReport Update ["report_type" = "FINAL", "sequence_no" = "0", "resolved" = "false"];
    /// Supplement after the final report
    Supplement(On) => IncidentReport Update ["report_type" = "SUPPLEMENT"];
}

/// The command that answers a message of this kind: the step that it waits for, where a workflow has one.
pub fn answering(kind: i32, short: &str) -> String {
    let step = match Kind::from_number(kind) {
        Some(Kind::VerificationRequest) => "verify reply",
        Some(Kind::ResourceRequest) => "request offer",
        Some(Kind::ResourceOffer) => "request accept",
        Some(Kind::ResourceDecision) => "request commit",
        Some(Kind::Extension) => "request extend",
        Some(Kind::ReleaseReturn) => "request release",
        Some(Kind::CostStatement) => "request settle",
        Some(Kind::ActionRequest) => "action respond",
        Some(Kind::ConsultationCall) => "consult reply",
        Some(Kind::ConsultationConclusion) => "consult confirm",
        Some(Kind::DrillInvitation) => "drill reply",
        Some(Kind::MeetingNotice) => "meeting reply",
        Some(Kind::Minutes) => "meeting confirm",
        _ => "answer",
    };
    format!("liandong {step} {short}")
}
