//! What the refusals of `certs` say in Chinese, and which exit code they are.

use certs::{
    files::FilesError, handover::HandoverError, keys::KeyError, region::RegionError, succession::NotNext,
    tls::TlsError, trust::TrustError,
};

use crate::cli::exit;

/// The Chinese text of an error of `certs`, where it has one of its own.
pub fn zh(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    if let Some(error) = error.downcast_ref::<RegionError>() {
        return region(error);
    }
    if let Some(error) = error.downcast_ref::<TrustError>() {
        return trust(error);
    }
    if let Some(error) = error.downcast_ref::<HandoverError>() {
        return handover(error);
    }
    if let Some(TlsError::Key(error)) = error.downcast_ref() {
        return key(error);
    }
    error.downcast_ref::<KeyError>().and_then(key)
}

fn region(error: &RegionError) -> Option<String> {
    Some(match error {
        RegionError::Key(error) => return key(error),
        RegionError::Trust(error) => return trust(error),
        RegionError::Files(error) => return files(error),
        RegionError::NotNext(error) => next(error),
        RegionError::Handover(error) => return handover(error),
        RegionError::Occupied(folder) => format!("{folder} 已有区域：请在新目录中新建"),
        RegionError::Signers { have, need } => {
            format!("现有签名人密钥 {have} 把，需要 {need} 把；其余请用 --key 指定")
        }
        RegionError::Waiting(file) => format!("{file} 正等待另一签名：请先加签并发布，或删除它"),
        RegionError::Words => "口令不符：申请在途中被改过，或是另一份申请；未作任何更改".to_owned(),
        RegionError::Uninvited(id) => format!("没有与该申请编号相符的 {id} 的有效邀请（未邀请、已使用或已过期）"),
        RegionError::NoMember(id) => format!("{id} 不是成员"),
        RegionError::NoKey(key) => format!("没有密钥 {key}"),
        RegionError::NoAuthority(whose) => format!("此处没有 {whose} 的 CA 密钥"),
        _ => return None,
    })
}

fn trust(error: &TrustError) -> Option<String> {
    Some(match error {
        TrustError::Key(error) => return key(error),
        TrustError::Files(error) => return files(error),
        TrustError::NotNext(error) => next(error),
        TrustError::Handover(error) => return handover(error),
        TrustError::NotPinned(folder) => format!("{folder} 尚未固定信任根：请先用邀请文件加入"),
        TrustError::Taken(folder, whose) => format!("{folder} 已属于 {whose}：请换一个目录"),
        TrustError::Mismatch(file) => format!("{file}：CA 证书与密钥不配套"),
        TrustError::Hex(text) => format!("`{text}` 不是十六进制"),
        _ => return None,
    })
}

fn handover(error: &HandoverError) -> Option<String> {
    let text = match error {
        HandoverError::Sort => "不是本系统的邀请、申请或信任包",
        HandoverError::Expired => "邀请已过期，请重新索取",
        HandoverError::Proof => "申请不能证明对方持有其中的密钥",
        HandoverError::List => "申请中没有其 CA 的吊销列表",
        HandoverError::Signed(_) => "邀请的签名不足或不符",
        HandoverError::Root(error) => return files(error),
        HandoverError::Form(_) | HandoverError::Name(_) | HandoverError::Authority(_) => return None,
    };
    Some(text.to_owned())
}

fn files(error: &FilesError) -> Option<String> {
    match error {
        FilesError::NotNext(error) => Some(next(error)),
        FilesError::Signed { file, source } => Some(format!("{file}：签名不足或不符（{source}）")),
        FilesError::Disk { .. } | FilesError::Form { .. } => None,
    }
}

fn next(error: &NotNext) -> String {
    match error {
        NotNext::Region(region) => format!("文件属于另一区域 {region}"),
        NotNext::Root => "新的信任根未由已固定信任根的足够密钥签名".to_owned(),
        NotNext::Older { file, found, known } => format!("{file}：第 {found} 版低于现行第 {known} 版"),
        NotNext::Forked { file, version } => format!("{file}：第 {version} 版或其前一版另有不同内容：有人签了两套历史"),
        NotNext::Authority(id) => format!("名录：{id} 换了 CA，而原 CA 与信任根均未背书"),
        NotNext::Forgotten(id) => format!("名录：{id} 曾是成员，现在却不见了"),
        NotNext::Evidence(id) => format!("名录：{id} 的存证密钥消失、换主或被延期"),
        NotNext::Uncertified(id) => format!("名录：{id} 多了一把其 CA 与信任根均未认可的存证密钥"),
        NotNext::Unrevoked(id) => format!("名录：{id} 已吊销的证书不再列为吊销"),
    }
}

fn key(error: &KeyError) -> Option<String> {
    Some(match error {
        KeyError::Mode(path) => format!("{0} 可被他人读取；请执行：chmod 600 {0}", path.display()),
        KeyError::Folder(path) => format!("{0} 可被他人改动；请执行：chmod 700 {0}", path.display()),
        KeyError::Owner(path) => format!("{0} 属于其他用户；请执行：chown $(id -u) {0}", path.display()),
        KeyError::Form(path) => format!("{} 中没有所需类型的密钥", path.display()),
        KeyError::Disk { .. } => return None,
    })
}

/// The exit code of an error of `certs`.
pub fn exit_code(error: &(dyn std::error::Error + 'static)) -> Option<u8> {
    let key = |error: &KeyError| match error {
        KeyError::Disk { source, .. } => exit::of_disk(source.kind()),
        KeyError::Mode(_) | KeyError::Folder(_) | KeyError::Owner(_) => exit::PERMISSION,
        KeyError::Form(_) => exit::DATA,
    };
    if let Some(error) = error.downcast_ref::<KeyError>() {
        return Some(key(error));
    }
    if let Some(RegionError::Key(error) | RegionError::Trust(TrustError::Key(error))) = error.downcast_ref() {
        return Some(key(error));
    }
    if let Some(TrustError::Key(error)) = error.downcast_ref() {
        return Some(key(error));
    }
    match error.downcast_ref() {
        Some(TlsError::Key(error)) => return Some(key(error)),
        Some(TlsError::Files(FilesError::Disk { source, .. })) => return Some(exit::of_disk(source.kind())),
        Some(TlsError::Files(_) | TlsError::Pem(_) | TlsError::Rustls(_)) => return Some(exit::DATA),
        None => {}
    }
    let ours = error.is::<RegionError>() || error.is::<TrustError>() || error.is::<HandoverError>();
    ours.then_some(exit::DATA)
}
