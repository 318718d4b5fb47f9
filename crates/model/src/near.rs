//! "Did you mean": which of the names that exist comes near to one that does not.

/// A name that comes near.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Near<'a> {
    /// The nearest name.
    pub name: &'a str,
    /// Whether it is so near, and alone in that, that it can be written without asking.
    pub certain: bool,
}

/// The candidate most like `word`, if one is close enough to be meant.
#[must_use]
pub fn near<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<Near<'a>> {
    let mut best: Option<(usize, &str)> = None;
    let mut alone = true;
    for candidate in candidates {
        let Some(distance) = distance(word, candidate) else {
            continue;
        };
        match best {
            Some((least, name)) if distance >= least || name == candidate => {
                alone &= distance > least + 1 || name == candidate;
            }
            Some((least, _)) => {
                alone = distance + 1 < least;
                best = Some((distance, candidate));
            }
            None => best = Some((distance, candidate)),
        }
    }
    best.map(|(distance, name)| Near {
        name,
        certain: alone && distance <= 2 && alike_at_the_end(word, name),
    })
}

/// Whether the last names of two references are alike: in `var.a` and `var.b`, all that is alike is what every variable has.
fn alike_at_the_end(word: &str, candidate: &str) -> bool {
    let last = |text: &str| text.rfind('.').map_or(0, |dot| dot + 1);
    let (a, b) = (&word[last(word)..], &candidate[last(candidate)..]);
    a == b || distance(a, b).is_some()
}

/// How far two names are apart; `None` when nobody would take one for the other.
fn distance(word: &str, candidate: &str) -> Option<usize> {
    let same = |a: &str| a.to_lowercase().replace('-', "_");
    if same(word) == same(candidate) {
        return Some(0);
    }
    let words = |text: &str| {
        let mut words: Vec<String> = text.split(['_', '-']).map(str::to_lowercase).collect();
        words.sort();
        words
    };
    if word.contains('_') && words(word) == words(candidate) {
        return Some(1);
    }
    let shortest = word.chars().count().min(candidate.chars().count());
    let distance = strsim::damerau_levenshtein(word, candidate);
    let close = match shortest {
        // One letter is as good as any other; of two, one must stay where it is.
        0 | 1 => false,
        2 => distance == 1 && (word.starts_with(candidate) || candidate.starts_with(word)),
        _ => distance <= 1.max(shortest / 3),
    };
    close.then_some(distance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found_and_silly_ones_are_not() {
        let names = [
            "cidr_block",
            "tags",
            "id",
            "a",
            "main",
            "mine",
            "private_subnet_ids",
        ];
        for (word, expected) in [
            ("cidr_blok", Some(("cidr_block", true))),
            ("block_cidr", Some(("cidr_block", true))),
            ("CIDR-block", Some(("cidr_block", true))),
            ("tag", Some(("tags", true))),
            ("ids", Some(("id", true))),
            ("mian", Some(("main", true))),
            ("private_subnets", Some(("private_subnet_ids", false))),
            ("b", None),
            ("ix", None),
            ("subnet", None),
        ] {
            let found = near(word, names).map(|n| (n.name, n.certain));
            assert_eq!(found, expected, "{word}");
        }
    }

    #[test]
    fn what_all_references_begin_with_makes_none_certain() {
        for (word, candidate, certain) in [
            ("var.a", "var.b", false),
            ("var.regoin", "var.region", true),
            ("terraform_dat.a", "terraform_data.a", true),
            ("terraform_data.a", "terraform_data.b", false),
        ] {
            let found = near(word, [candidate]).expect("near");
            assert_eq!(found.certain, certain, "{word}");
        }
    }

    #[test]
    fn what_is_listed_twice_is_still_one_name() {
        let found = near("tag", ["tags", "tags"]).expect("near");
        assert!(found.certain);
        let found = near("mai", ["main", "mail"]).expect("near");
        assert_eq!(
            (found.name, found.certain),
            ("main", false),
            "either may be meant"
        );
    }
}
