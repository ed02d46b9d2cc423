//! Exit codes: those of sysexits.h that fit, so that a script can tell what to do next.

use std::{io::ErrorKind, process::ExitCode};

use tonic::{Code, Status};

use super::certs;

/// The call was made wrongly.
pub const USAGE: u8 = 2;
/// A message, a file or a configuration was refused because of what it says.
pub const DATA: u8 = 65;
/// There is no such message, document or file.
pub const NOT_FOUND: u8 = 66;
/// The agent or the broker cannot be reached, or the link is red.
pub const UNAVAILABLE: u8 = 69;
/// A fault of ours, or the state of things does not allow it.
pub const SOFTWARE: u8 = 70;
/// The same id was used for other bytes, or what would be made is there already.
pub const TAKEN: u8 = 73;
/// Bytes are not what they should be, or the disk failed.
pub const DAMAGE: u8 = 74;
/// Try again: a quota, a time limit, or somebody was first.
pub const TEMPORARY: u8 = 75;
/// Not allowed.
pub const PERMISSION: u8 = 77;

/// A command that has said all there is to say, and did not end well.
#[derive(Debug, thiserror::Error)]
#[error("exit code {0}")]
pub struct Said(pub u8);

/// Nobody answers.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unreachable(pub String);

/// The caller named something that is not there.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NotFound(pub String);

/// The system does not let the caller.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Forbidden(pub String);

/// What the caller would make is there already.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Exists(pub String);

/// What the caller gave cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadInput(pub String);

/// What a script should make of a code.
pub const fn of(code: Code) -> u8 {
    match code {
        Code::Ok => 0,
        Code::InvalidArgument => DATA,
        Code::NotFound => NOT_FOUND,
        Code::Unavailable => UNAVAILABLE,
        Code::AlreadyExists => TAKEN,
        Code::DataLoss => DAMAGE,
        Code::ResourceExhausted | Code::DeadlineExceeded | Code::Cancelled | Code::Aborted | Code::OutOfRange => {
            TEMPORARY
        }
        Code::Unauthenticated | Code::PermissionDenied => PERMISSION,
        Code::FailedPrecondition | Code::Internal | Code::Unknown | Code::Unimplemented => SOFTWARE,
    }
}

/// The code of an error of any sort: the first cause that says one.
pub fn of_error(error: &anyhow::Error) -> ExitCode {
    ExitCode::from(error.chain().find_map(of_cause).unwrap_or(SOFTWARE))
}

fn of_cause(cause: &(dyn std::error::Error + 'static)) -> Option<u8> {
    if let Some(Said(code)) = cause.downcast_ref() {
        Some(*code)
    } else if let Some(status) = cause.downcast_ref::<Status>() {
        Some(of(status.code()))
    } else if let Some(invalid) = cause.downcast_ref::<model::invalid::Invalid>() {
        Some(of(proto::status::code_of(invalid)))
    } else if cause.is::<Unreachable>() || cause.is::<tonic::transport::Error>() {
        Some(UNAVAILABLE)
    } else if cause.is::<NotFound>() {
        Some(NOT_FOUND)
    } else if cause.is::<Forbidden>() {
        Some(PERMISSION)
    } else if cause.is::<Exists>() {
        Some(TAKEN)
    } else if cause.is::<BadInput>() {
        Some(DATA)
    } else if cause.is::<crate::run::JournalFailed>() {
        Some(DAMAGE)
    } else if in_use(cause) {
        Some(SOFTWARE)
    } else if let Some(code) = certs::texts::exit_code(cause) {
        Some(code)
    } else {
        cause.downcast_ref::<std::io::Error>().map(|error| of_disk(error.kind()))
    }
}

/// Whether another agent has the socket: a cause without a cause, in either of its forms.
fn in_use(cause: &(dyn std::error::Error + 'static)) -> bool {
    use agent::{agent::StartError, api::ServeError};
    let start = matches!(cause.downcast_ref(), Some(StartError::Serve(ServeError::InUse(_))));
    start || matches!(cause.downcast_ref(), Some(ServeError::InUse(_)))
}

/// What the system said: the place is taken or unfit, or the disk failed.
pub(super) const fn of_disk(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::NotFound => NOT_FOUND,
        ErrorKind::PermissionDenied => PERMISSION,
        ErrorKind::AlreadyExists
        | ErrorKind::WouldBlock
        | ErrorKind::Unsupported
        | ErrorKind::AddrInUse
        | ErrorKind::AddrNotAvailable => SOFTWARE,
        _ => DAMAGE,
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;
    use model::{invalid::Invalid, reason::Reason};

    use super::*;

    fn code(error: impl Into<anyhow::Error>) -> String {
        format!("{:?}", of_error(&error.into()))
    }

    fn is(number: u8) -> String {
        format!("{:?}", ExitCode::from(number))
    }

    #[test]
    fn statuses_have_the_exit_codes_of_the_table() {
        let table = [
            (Code::InvalidArgument, 65),
            (Code::Unauthenticated, 77),
            (Code::PermissionDenied, 77),
            (Code::NotFound, 66),
            (Code::AlreadyExists, 73),
            (Code::FailedPrecondition, 70),
            (Code::ResourceExhausted, 75),
            (Code::Unavailable, 69),
            (Code::DeadlineExceeded, 75),
            (Code::Aborted, 75),
            (Code::OutOfRange, 75),
            (Code::DataLoss, 74),
            (Code::Internal, 70),
        ];
        for (status, number) in table {
            assert_eq!(code(Status::new(status, "")), is(number), "{status:?}");
        }
    }

    #[test]
    fn a_reason_exits_as_its_status_would_and_context_hides_nothing() {
        let invalid = Invalid::new(Reason::EtagMismatch, "document.if_match", "document.etag");
        assert_eq!(code(invalid), is(TEMPORARY));

        let missing = std::fs::read("/nowhere/at-all").context("attachment").unwrap_err();
        assert_eq!(code(missing), is(NOT_FOUND));
        assert_eq!(code(anyhow::anyhow!("anything else")), is(SOFTWARE));
    }

    #[test]
    fn a_place_that_is_taken_is_no_failed_disk_and_a_loose_key_is_a_matter_of_permission() {
        let state =
            |kind| broker::broker::StartError::State { path: "state".to_owned(), source: std::io::Error::from(kind) };
        for kind in [ErrorKind::AlreadyExists, ErrorKind::Unsupported, ErrorKind::WouldBlock] {
            assert_eq!(code(state(kind)), is(SOFTWARE), "{kind:?}");
        }
        assert_eq!(code(state(ErrorKind::StorageFull)), is(DAMAGE));
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], 1));
        let source = ErrorKind::AddrInUse.into();
        assert_eq!(code(broker::broker::StartError::Listen { address, source }), is(SOFTWARE));

        let loose = || ::certs::keys::KeyError::Mode("leaf.key".into());
        let leaf = agent::agent::StartError::Trust(::certs::tls::TlsError::Key(loose()));
        assert_eq!(code(anyhow::Error::from(leaf).context("the agent cannot start")), is(PERMISSION));
        assert_eq!(code(broker::broker::StartError::Key(loose())), is(PERMISSION));
    }
}
