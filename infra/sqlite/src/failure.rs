//! What an error of SQLite means for whoever runs the program.

use carelog_domain::ports::Failure;
use rusqlite::ErrorCode;

pub(crate) const PORT: &str = "sqlite";

/// The failure an error becomes: what was being done, what the operator can do, whether to try again.
pub(crate) fn failure(doing: &str, error: rusqlite::Error) -> Failure {
    let (advice, retry_helps) = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            ("another process holds the file; stop it or wait", true)
        }
        Some(ErrorCode::DiskFull) => ("the disk is full; make room, then it goes on by itself", true),
        Some(ErrorCode::SystemIoFailure) => ("the disk failed; check it and the kernel's log", true),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            ("the file is damaged; stop, delete it and start again: read models are built anew from the log", false)
        }
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => {
            ("check that the file and its folder may be read and written", false)
        }
        Some(ErrorCode::OperationInterrupted) => ("nobody waited for it any more", true),
        Some(ErrorCode::ConstraintViolation) => ("a row breaks a rule of its table", false),
        _ => ("the statement does not fit the tables", false),
    };
    let failed = if retry_helps { Failure::passing } else { Failure::lasting };
    failed(PORT, format!("{doing}: {advice}")).caused_by(error)
}
