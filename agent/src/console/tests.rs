//! The colours of the desk, held against the formula of WCAG, and against the look of the two themes.

use std::collections::BTreeMap;

const CSS: &str = include_str!("assets/console.css");

/// The tokens of the first block after `from`.
fn tokens(from: &str) -> BTreeMap<&'static str, &'static str> {
    let start = CSS.find(from).expect("a block");
    let block = &CSS[start..start + CSS[start..].find('}').unwrap()];
    let pairs = block.split(['{', ';']).filter_map(|line| line.trim().strip_prefix("--")?.split_once(": "));
    pairs.filter(|(_, value)| value.starts_with('#')).collect()
}

fn luminance(hex: &str) -> f64 {
    let part = |at: usize| {
        let value = f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0;
        if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
}

fn contrast(one: &str, other: &str) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[test]
fn every_pair_of_colours_can_be_read_in_both_themes() {
    for theme in [":root {", ":root[data-theme=\"night\"]"] {
        let tokens = tokens(theme);
        let of = |name: &str| *tokens.get(name).unwrap_or_else(|| panic!("{theme}: {name}"));
        let mut pairs =
            vec![("ink", "paper", 7.0), ("muted", "paper", 4.5), ("muted", "wash", 4.5), ("ink", "wash", 7.0)];
        pairs.extend([
            ("line", "paper", 3.0),
            ("focus", "paper", 4.5),
            ("done", "paper", 4.5),
            ("late-text", "late", 7.0),
        ]);
        for name in ["flash", "immediate", "priority", "routine"] {
            let (text, edge) = (format!("{name}-text"), format!("{name}-edge"));
            assert!(contrast(of(&text), of(name)) >= 4.5, "{theme}: {text}");
            assert!(contrast(of(&edge), of("paper")) >= 4.5, "{theme}: {edge}");
        }
        for (one, other, least) in pairs {
            let found = contrast(of(one), of(other));
            assert!(found >= least, "{theme}: {one} on {other} is {found:.1}");
        }
    }
}

#[test]
fn night_is_the_same_night_by_choice_and_by_the_machine() {
    assert_eq!(tokens(":root[data-theme=\"night\"]"), tokens(":root[data-theme=\"auto\"]"));
    assert_eq!(
        tokens(":root {").into_keys().collect::<Vec<_>>(),
        tokens(":root[data-theme=\"night\"]").into_keys().collect::<Vec<_>>()
    );
}
