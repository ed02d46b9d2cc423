//! Exit codes, after sysexits.h where it has one, so that scripts can tell what to do next.

use std::process::ExitCode;

use tonic::{Code, Status};

use super::certs;

/// The call was made wrongly.
pub const USAGE: u8 = 64;
/// A message was refused because of what it says.
pub const DATA: u8 = 65;
/// There is no such message, document or file.
pub const NOT_FOUND: u8 = 66;
/// The agent or the broker cannot be reached.
pub const UNAVAILABLE: u8 = 69;
/// A fault of ours.
pub const SOFTWARE: u8 = 70;
/// The disk failed, or holds damage.
pub const DISK: u8 = 74;
/// Try again later.
pub const TEMPORARY: u8 = 75;
/// Not allowed.
pub const PERMISSION: u8 = 77;

/// What a script should make of a status.
pub fn of(status: &Status) -> u8 {
    match status.code() {
        Code::InvalidArgument
        | Code::FailedPrecondition
        | Code::AlreadyExists
        | Code::OutOfRange
        | Code::DeadlineExceeded
        | Code::DataLoss => DATA,
        Code::NotFound => NOT_FOUND,
        Code::PermissionDenied | Code::Unauthenticated => PERMISSION,
        Code::ResourceExhausted | Code::Aborted => TEMPORARY,
        Code::Unavailable => UNAVAILABLE,
        _ => SOFTWARE,
    }
}

/// The code of an error of any sort.
pub fn of_error(error: &anyhow::Error) -> ExitCode {
    if let Some(status) = error.chain().find_map(|cause| cause.downcast_ref::<Status>()) {
        return ExitCode::from(of(status));
    }
    if error.chain().any(|cause| cause.is::<model::invalid::Invalid>()) {
        return ExitCode::from(DATA);
    }
    if error.chain().any(|cause| cause.is::<crate::run::JournalFailed>()) {
        return ExitCode::from(DISK);
    }
    ExitCode::from(error.chain().find_map(certs::texts::exit_code).unwrap_or(SOFTWARE))
}
