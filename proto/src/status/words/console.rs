//! Words about the console: who may sign in and act, and what a page was not allowed.

use super::Row;

/// Every rule of theirs.
pub(super) const WORDS: &[Row] = &[
    (
        "console.post",
        "没有这个岗位。",
        "可用的岗位见 liandong console add --help。",
        "There is no such post.",
        "liandong console add --help lists them.",
    ),
    (
        "console.account_name",
        "账户名不对。",
        "用2至32个小写字母、数字、点、连字符或下划线。",
        "This is no name for an account.",
        "Use 2 to 32 of a-z, 0-9, dot, hyphen and underscore.",
    ),
    (
        "console.person",
        "姓名不对。",
        "写本人全名，1至100个字，它会出现在回执里。",
        "This is no name of a person.",
        "Give the full name, 1 to 100 characters: it stands in receipts.",
    ),
    (
        "console.separate_persons",
        "一个账户要么担任值班席的岗位，要么只担任系统管理、安全管理、审计中的一个。",
        "请分设账户，由不同的人担任。",
        "An account has posts of the desk, or exactly one of SYSTEM_ADMIN, SECURITY_ADMIN and AUDITOR.",
        "Make separate accounts for separate persons.",
    ),
    (
        "console.password",
        "密码长度不对。",
        "用10至200个字符。",
        "The password is too short or too long.",
        "Use 10 to 200 characters.",
    ),
    (
        "console.origin",
        "这个请求不是从本机值班台的页面发来的，没有办理。",
        "请从浏览器地址栏打开本机值班台，再做一次。",
        "This request did not come from a page of this console; nothing was done.",
        "Open this machine's console by its own address and do it again.",
    ),
    (
        "console.token",
        "这个表单已不属于当前的登录，没有办理。",
        "请重新打开页面，再做一次。",
        "This form no longer belongs to your session; nothing was done.",
        "Open the page anew and do it again.",
    ),
    (
        "console.form",
        "表单没有完整送到，没有办理。",
        "请再做一次。",
        "The form did not arrive whole; nothing was done.",
        "Do it again.",
    ),
    (
        "console.keeps_house",
        "系统管理、安全管理和审计不能替值班席办理。",
        "请值班席的人员登录办理。",
        "Administrators and auditors never act for the desk.",
        "Somebody with a post at the desk signs in and does it.",
    ),
    (
        "console.page",
        "没有这个页面。",
        "请从左侧的栏目进入。",
        "There is no such page.",
        "Go on from the rail on the left.",
    ),
    (
        "console.accounts",
        "读不到账户文件，现在不能登录。",
        "请系统管理员检查状态目录下 local/accounts.json。",
        "The file of accounts cannot be read; nobody can sign in now.",
        "The administrator looks at local/accounts.json in the state directory.",
    ),
];
