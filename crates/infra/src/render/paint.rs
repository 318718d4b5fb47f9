//! Colours and symbols, or their absence. Decides once per stream; everything else asks.

use console::{Style, Term};

/// How one output stream is decorated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Paint {
    enabled: bool,
}

/// What the decision about colour depends on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Surroundings {
    /// `NO_COLOR` is set and not empty.
    pub(crate) no_color: bool,
    /// `CLICOLOR_FORCE` is set and not `0`.
    pub(crate) force: bool,
    /// `TERM=dumb`.
    pub(crate) dumb: bool,
}

impl Surroundings {
    /// Of this process; `flag` is `-no-color`.
    pub(crate) fn of_process(flag: bool) -> Surroundings {
        let set = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty());
        Surroundings {
            no_color: flag || set("NO_COLOR").is_some(),
            force: set("CLICOLOR_FORCE").is_some_and(|v| v != "0"),
            dumb: set("TERM").is_some_and(|v| v == "dumb"),
        }
    }

    /// Whether a stream gets colours: a person's wish against them wins, then the wish for them, then what the stream is.
    pub(crate) fn colours(self, is_terminal: bool) -> bool {
        !self.no_color && (self.force || (is_terminal && !self.dumb))
    }
}

impl Paint {
    /// Without colour.
    #[cfg(test)]
    pub(crate) const PLAIN: Paint = Paint { enabled: false };

    /// With colours or without.
    pub(crate) fn of(enabled: bool) -> Paint {
        Paint { enabled }
    }

    /// For a stream of this process.
    pub(crate) fn for_stream(surroundings: Surroundings, term: &Term) -> Paint {
        Paint {
            enabled: surroundings.colours(term.is_term()),
        }
    }

    /// Whether there is colour.
    pub(crate) fn enabled(self) -> bool {
        self.enabled
    }

    fn apply(self, style: Style, text: impl std::fmt::Display) -> String {
        if self.enabled {
            style.force_styling(true).apply_to(text).to_string()
        } else {
            text.to_string()
        }
    }

    pub(crate) fn bold(self, text: impl std::fmt::Display) -> String {
        self.apply(Style::new().bold(), text)
    }

    pub(crate) fn dim(self, text: impl std::fmt::Display) -> String {
        self.apply(Style::new().dim(), text)
    }

    pub(crate) fn green(self, text: impl std::fmt::Display) -> String {
        self.apply(Style::new().green(), text)
    }

    pub(crate) fn yellow(self, text: impl std::fmt::Display) -> String {
        self.apply(Style::new().yellow(), text)
    }

    pub(crate) fn red(self, text: impl std::fmt::Display) -> String {
        self.apply(Style::new().red(), text)
    }

    pub(crate) fn cyan(self, text: impl std::fmt::Display) -> String {
        self.apply(Style::new().cyan(), text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_follows_the_wish_then_the_stream() {
        let cases = [
            // no_color, force, dumb, terminal, expected
            (false, false, false, true, true),
            (false, false, false, false, false),
            (false, false, true, true, false),
            (false, true, false, false, true),
            (false, true, true, false, true),
            (true, false, false, true, false),
            (true, true, false, true, false),
        ];
        for (no_color, force, dumb, terminal, expected) in cases {
            let surroundings = Surroundings {
                no_color,
                force,
                dumb,
            };
            assert_eq!(
                surroundings.colours(terminal),
                expected,
                "{surroundings:?} {terminal}"
            );
        }
    }

    #[test]
    fn without_colour_text_stays_as_it_is() {
        assert_eq!(Paint::PLAIN.red("x"), "x");
        assert!(Paint { enabled: true }.red("x").contains("\u{1b}["));
    }
}
