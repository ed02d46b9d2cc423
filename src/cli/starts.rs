//! Why a program does not start, or cannot be called, and what to do about it: in both languages, in one place.

use std::{
    error::Error,
    io::{self, ErrorKind},
    path::Path,
};

use agent::api::ServeError;
use certs::{files::FilesError, keys::KeyError, tls::TlsError};

/// In Chinese and in English.
pub type Words = (String, String);

/// What is said about `cause` and everything below it, where people can do something about it.
pub fn words(cause: &(dyn Error + 'static)) -> Option<Words> {
    if let Some(error) = cause.downcast_ref::<broker::broker::StartError>() {
        return of_broker(error);
    }
    if let Some(error) = cause.downcast_ref::<agent::agent::StartError>() {
        return of_agent(error);
    }
    cause.downcast_ref::<KeyError>().and_then(key)
}

/// The heads of errors whose cause stands below them.
pub fn head_zh(cause: &(dyn Error + 'static)) -> Option<String> {
    use agent::agent::StartError as OfAgent;
    use broker::broker::StartError as OfBroker;
    let (broker, agent) = (cause.downcast_ref::<OfBroker>(), cause.downcast_ref::<OfAgent>());
    Some(match (broker, agent) {
        (Some(OfBroker::State { path, .. }), _) => format!("状态目录 {path}"),
        (_, Some(OfAgent::State { path, .. })) => format!("状态目录 {}", path.display()),
        (Some(OfBroker::Listen { address, .. }), _) => format!("无法监听 {address}"),
        (Some(OfBroker::Trust(_)), _) | (_, Some(OfAgent::Trust(_))) => "信任目录".to_owned(),
        (Some(OfBroker::Key(_)), _) | (_, Some(OfAgent::Key(_))) => "存证密钥".to_owned(),
        (Some(OfBroker::Journal(_)), _) | (_, Some(OfAgent::Journal(_))) => "日志".to_owned(),
        (Some(OfBroker::Store(_)), _) | (_, Some(OfAgent::Store(_))) => "数据表".to_owned(),
        _ => return cause.downcast_ref::<io::Error>().and_then(system_zh),
    })
}

fn of_broker(error: &broker::broker::StartError) -> Option<Words> {
    use broker::broker::StartError;
    match error {
        StartError::State { path, source } => state(Path::new(path), source),
        StartError::Listen { address, source } => listen(&address.to_string(), source),
        StartError::Trust(error) => trust(error),
        StartError::Key(error) => key(error),
        StartError::Journal(_) | StartError::Store(_) | StartError::Opening(_) => None,
    }
}

fn of_agent(error: &agent::agent::StartError) -> Option<Words> {
    use agent::agent::StartError;
    match error {
        StartError::State { path, source } => state(path, source),
        StartError::Trust(error) => trust(error),
        StartError::Key(error) => key(error),
        StartError::Serve(error) => serve(error),
        StartError::Config(invalid) => {
            let (zh, en) = proto::status::texts(invalid);
            Some((format!("配置：{zh}"), format!("configuration: {en}")))
        }
        StartError::Region { found, configured } => Some((
            format!("信任目录属于区域 {found}，而配置写的是 {configured}：请改正配置中的 region 或 trust"),
            format!(
                "the trust directory is for region {found}, the configuration says {configured}: \
                 correct `region` or `trust`"
            ),
        )),
        StartError::Journal(_) | StartError::Store(_) | StartError::Opening(_) | StartError::Append(_) => None,
    }
}

/// A state directory that the system does not give us.
fn state(path: &Path, source: &io::Error) -> Option<Words> {
    let at = path.display();
    Some(match source.kind() {
        ErrorKind::AlreadyExists => (
            format!("状态目录 {at} 正由另一进程使用：请先停止该进程（`fuser {at}/lock` 可查），或在配置中另设 state"),
            format!(
                "the state directory {at} is in use by another process: stop that one first \
                 (`fuser {at}/lock` names it), or set another `state`"
            ),
        ),
        ErrorKind::Unsupported => {
            // asked again, for the error holds a sentence
            let why = journal::file::refuses(path).ok().flatten().unwrap_or_default();
            let kind = why.split(':').next().unwrap_or_default();
            (
                format!(
                    "状态目录 {at} 位于 {kind} 上，写入不保证落盘：请改放本地磁盘；仅供测试时可设 allow_unsafe_filesystem = true"
                ),
                format!(
                    "the state directory {at} lies on an unsafe file system ({why}): put it on a local disk; \
                     for a test alone, set allow_unsafe_filesystem = true"
                ),
            )
        }
        ErrorKind::PermissionDenied => (
            format!("无权使用状态目录 {at}：请以其所有者的身份运行，或把它交给本用户（chown -R）"),
            format!("no permission for the state directory {at}: run as its owner, or give it to this user (chown -R)"),
        ),
        ErrorKind::NotFound | ErrorKind::NotADirectory => (
            format!("状态目录 {at} 建不成：请检查配置中的 state，其上级须是目录"),
            format!("the state directory {at} cannot be made: check `state`; what is above it must be a directory"),
        ),
        ErrorKind::StorageFull => (
            format!("状态目录 {at} 所在磁盘已满：请腾出空间后再启动"),
            format!("the disk of the state directory {at} is full: free some space, then start again"),
        ),
        ErrorKind::ReadOnlyFilesystem => (
            format!("状态目录 {at} 所在的文件系统只读：请改为可写挂载，或在配置中另设 state"),
            format!("the state directory {at} is read-only: mount it for writing, or set another `state`"),
        ),
        _ => return None,
    })
}

/// An address that the system does not give us.
fn listen(address: &str, source: &io::Error) -> Option<Words> {
    let port = address.rsplit(':').next().unwrap_or_default();
    Some(match source.kind() {
        ErrorKind::AddrInUse => (
            format!(
                "地址 {address} 已被占用：请停止占用它的程序（`ss -ltnp 'sport = :{port}'` 可查），或在配置中改用其他端口"
            ),
            format!(
                "the address {address} is in use: stop the program that has it \
                 (`ss -ltnp 'sport = :{port}'` names it), or set another port"
            ),
        ),
        ErrorKind::AddrNotAvailable => (
            format!("本机没有地址 {address}：请把配置改为本机的地址，或 0.0.0.0:{port}"),
            format!("this machine has no address {address}: set one that it has, or 0.0.0.0:{port}"),
        ),
        ErrorKind::PermissionDenied => (
            format!("无权监听 {address}：1024 以下的端口需要特权，请改用其他端口"),
            format!("no permission to listen on {address}: ports below 1024 need privileges; set another port"),
        ),
        _ => return None,
    })
}

fn serve(error: &ServeError) -> Option<Words> {
    match error {
        ServeError::InUse(path) => {
            let at = path.display();
            Some((
                format!("另一代理正在使用套接字 {at}：请先停止它，或在配置中另设 desk.socket"),
                format!("another agent listens on {at}: stop that one first, or set another `desk.socket`"),
            ))
        }
        ServeError::Listen { address, source } => listen(&address.to_string(), source),
        ServeError::Token { key, why } => {
            Some((format!("{key} 不可用（{why}）：{TOKEN_ZH}"), format!("{key} cannot be used ({why}): {TOKEN_EN}")))
        }
        ServeError::Socket { path, source } => {
            let (at, why) = (path.display(), system_zh(source).unwrap_or_else(|| source.to_string()));
            Some((
                format!(
                    "无法建立套接字 {at}（{why}）：请检查其目录的权限，路径不超过 100 字节，或在配置中另设 desk.socket"
                ),
                format!(
                    "the socket {at} cannot be made ({source}): check the rights of its directory and that the path \
                     has at most 100 bytes, or set another `desk.socket`"
                ),
            ))
        }
    }
}

/// How a token file is made.
pub const TOKEN_ZH: &str = "请建立权限为 0600、内容至少 16 个字符的文件，例如：umask 077; openssl rand -hex 32 > 文件";
/// The same in English.
pub const TOKEN_EN: &str =
    "make a file of mode 0600 with at least 16 characters, for example: umask 077; openssl rand -hex 32 > FILE";

/// A trust directory that is not whole, of a program.
pub fn trust(error: &TlsError) -> Option<Words> {
    match error {
        TlsError::Files(FilesError::Disk { file, source }) => missing(file, source.kind()),
        TlsError::Key(error) => key(error),
        TlsError::Files(_) | TlsError::Pem(_) | TlsError::Rustls(_) => None,
    }
}

fn key(error: &KeyError) -> Option<Words> {
    match error {
        KeyError::Disk { path, source } => missing(&path.display().to_string(), source.kind()),
        // these have their texts already
        KeyError::Mode(_) | KeyError::Folder(_) | KeyError::Owner(_) | KeyError::Form(_) => None,
    }
}

fn missing(file: &str, kind: ErrorKind) -> Option<Words> {
    Some(match kind {
        ErrorKind::NotFound => (
            format!(
                "缺少文件 {file}：请检查配置中的 trust；中心的信任目录由 `liandong certs init` 建立，代理的由 `liandong join` 建立"
            ),
            format!(
                "{file} is missing: check `trust`; `liandong certs init` makes the broker's trust directory, \
                 `liandong join` an agent's"
            ),
        ),
        ErrorKind::PermissionDenied => (
            format!("无权读取 {file}：请以其所有者的身份运行"),
            format!("no permission to read {file}: run as its owner"),
        ),
        _ => return None,
    })
}

/// An operator's trust directory that is not whole.
pub fn operator(folder: &Path, error: &TlsError) -> Option<Words> {
    let lacks = match error {
        TlsError::Files(FilesError::Disk { file, source }) => {
            (source.kind() == ErrorKind::NotFound).then(|| file.clone())
        }
        TlsError::Key(KeyError::Disk { path, source }) => {
            (source.kind() == ErrorKind::NotFound).then(|| path.display().to_string())
        }
        _ => None,
    }?;
    let at = folder.display();
    let (zh, en) = if folder.is_dir() {
        (
            format!("运维信任目录 {at} 不完整，缺少 {lacks}"),
            format!("the operator's trust directory {at} lacks {lacks}"),
        )
    } else {
        (format!("没有运维信任目录 {at}"), format!("there is no operator's trust directory {at}"))
    };
    Some((
        format!(
            "{zh}：请以 --trust 或 LIANDONG_OPERATOR_TRUST 指明所在目录；\
             新建区域时即有一份（区域目录下的 operator），此后由秘书处以 `liandong certs issue --operator 姓名` 签发"
        ),
        format!(
            "{en}: say where it is with --trust or LIANDONG_OPERATOR_TRUST; one is made with the region \
             (REGION/operator), others by the secretariat with `liandong certs issue --operator NAME`"
        ),
    ))
}

/// What the system says, in Chinese, where it says it often.
fn system_zh(error: &io::Error) -> Option<String> {
    let text = match error.kind() {
        ErrorKind::NotFound => "没有这个文件或目录",
        ErrorKind::PermissionDenied => "无权访问",
        ErrorKind::AddrInUse => "地址已被占用",
        ErrorKind::ConnectionRefused => "对方拒绝连接",
        ErrorKind::StorageFull => "磁盘已满",
        ErrorKind::ReadOnlyFilesystem => "文件系统只读",
        ErrorKind::NotADirectory => "不是目录",
        ErrorKind::IsADirectory => "是目录，不是文件",
        _ => return None,
    };
    // an error that we made ourselves says more than its kind
    error.raw_os_error().map(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is wrong, then what to do.
    fn says_what_to_do((zh, en): &Words) -> bool {
        zh.contains('：') && en.contains(": ")
    }

    #[test]
    fn what_keeps_a_program_from_starting_is_said_with_a_remedy_in_both_languages() {
        let path = Path::new("/dev/shm");
        let kinds = [
            ErrorKind::AlreadyExists,
            ErrorKind::Unsupported,
            ErrorKind::PermissionDenied,
            ErrorKind::NotFound,
            ErrorKind::NotADirectory,
            ErrorKind::StorageFull,
            ErrorKind::ReadOnlyFilesystem,
        ];
        for kind in kinds {
            let said = state(path, &kind.into()).unwrap();
            assert!(said.0.contains("/dev/shm") && said.1.contains("/dev/shm") && says_what_to_do(&said), "{said:?}");
        }
        for kind in [ErrorKind::AddrInUse, ErrorKind::AddrNotAvailable, ErrorKind::PermissionDenied] {
            let said = listen("127.0.0.1:7443", &kind.into()).unwrap();
            assert!(said.0.contains("7443") && said.1.contains("7443") && says_what_to_do(&said), "{said:?}");
        }
        for kind in [ErrorKind::NotFound, ErrorKind::PermissionDenied] {
            assert!(says_what_to_do(&missing("/etc/liandong/trust/root.toml", kind).unwrap()));
        }
    }

    #[test]
    fn an_operator_without_a_certificate_is_told_where_it_comes_from() {
        let file = "/nowhere/root.toml".to_owned();
        let lacks = TlsError::Files(FilesError::Disk { file, source: ErrorKind::NotFound.into() });

        let (zh, en) = operator(Path::new("/nowhere"), &lacks).unwrap();
        assert!(zh.starts_with("没有运维信任目录 /nowhere：") && zh.contains("certs issue --operator"), "{zh}");
        assert!(en.starts_with("there is no operator's trust directory /nowhere: "), "{en}");
        let (zh, en) = operator(Path::new("/"), &lacks).unwrap();
        assert!(zh.contains("缺少 /nowhere/root.toml") && en.contains("lacks /nowhere/root.toml"), "{zh} {en}");
    }
}
