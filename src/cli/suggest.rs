//! Did you mean …? The nearest of the known names.

/// The name that is nearest to what was typed, if one is near enough to be meant.
pub fn nearest<N: AsRef<str>>(typed: &str, names: impl IntoIterator<Item = N>) -> Option<N> {
    let enough = 1 + typed.chars().count() / 3;
    let near = names.into_iter().map(|name| (distance(typed, name.as_ref()), name));
    near.filter(|(distance, _)| *distance <= enough).min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

/// How many characters must be put in, taken out or changed to make one of the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        let mut next = vec![left];
        for (y, above) in b.iter().zip(row.iter().skip(1)) {
            let changed = diagonal + usize::from(x != *y);
            left = changed.min(left + 1).min(above + 1);
            next.push(left);
            diagonal = *above;
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_counted_in_characters() {
        for (a, b, is) in [("", "abc", 3), ("kitten", "sitting", 3), ("listen", "listen", 0), ("信息通报", "信息报", 1)]
        {
            assert_eq!(distance(a, b), is, "{a} {b}");
            assert_eq!(distance(b, a), is, "{b} {a}");
        }
    }

    #[test]
    fn only_a_near_name_is_suggested() {
        let names = ["listen", "admin_listen", "state"];
        assert_eq!(nearest("lisen", names), Some("listen"));
        assert_eq!(nearest("sate", names), Some("state"));
        assert_eq!(nearest("telephone", names), None);
    }
}
