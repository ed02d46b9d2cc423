//! Markings of state secrets. Such texts never travel here: the sender's own agent stops them, and says so.

/// The markings 绝密, 机密 and 秘密.
const MARKINGS: [&str; 3] = ["绝密", "机密", "秘密"];

/// Words that hold a marking's letters without being one: trade secrets, and texts *about* secrets.
const HARMLESS: [&str; 5] = ["商业秘密", "国家秘密", "工作秘密", "个人秘密", "保守秘密"];

/// The first marking of a state secret in `text`, if there is one. Blanks between the letters do not hide it, and
/// everyday words such as 商业秘密 are none.
pub fn marking(text: &str) -> Option<&'static str> {
    let mut close: String = text.chars().filter(|c| !c.is_whitespace() && !is_invisible(*c)).collect();
    for word in HARMLESS {
        close = close.replace(word, "");
    }
    MARKINGS.into_iter().find(|marking| close.contains(marking))
}

/// Characters without width, which would split a marking unseen.
const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{00ad}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marking_is_found_wherever_it_stands() {
        assert_eq!(marking("绝密★启用前"), Some("绝密"));
        assert_eq!(marking("关于某事的报告（机密）"), Some("机密"));
        assert_eq!(marking("秘 密★1年"), Some("秘密"));
        assert_eq!(marking("秘\u{200b}密"), Some("秘密"));
    }

    #[test]
    fn everyday_words_are_no_marking() {
        assert_eq!(marking("涉及企业商业秘密，请注意保存"), None);
        assert_eq!(marking("本件不含国家秘密"), None);
        assert_eq!(marking("内部资料，注意保密"), None);
        assert_eq!(marking(""), None);
    }

    #[test]
    fn a_harmless_word_does_not_hide_a_marking_beside_it() {
        assert_eq!(marking("机密：含商业秘密"), Some("机密"));
    }
}
