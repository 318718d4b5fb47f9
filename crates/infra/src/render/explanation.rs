//! How the page of an error code looks on a terminal: its Markdown with the fences gone and the examples set in.

use super::paint::Paint;
use infra_model::codes::Code;

/// One line for each code.
pub(crate) fn list(paint: Paint) -> String {
    let mut text = String::new();
    let mut family = "";
    for code in Code::ALL {
        let code_text = code.as_str();
        let of = if code_text.starts_with('W') {
            "W"
        } else {
            &code_text[..3]
        };
        if of != family {
            if !family.is_empty() {
                text.push('\n');
            }
            text.push_str(&format!("{}\n", paint.bold(heading(of))));
            family = of;
        }
        text.push_str(&format!("  {code_text}  {}\n", code.title()));
    }
    text.push_str("\ninfra explain CODE says what it means, with an example and how to mend it.\n");
    text
}

fn heading(family: &str) -> &'static str {
    match family {
        "E01" => "Reading the file",
        "E02" => "Tables and settings",
        "E03" => "References",
        "E04" => "Values",
        "E05" => "Types and providers",
        "E06" => "Components",
        "E07" => "Planning and applying",
        "E08" => "What the clouds answer",
        "E09" => "The state",
        "E10" => "The command line",
        _ => "Warnings",
    }
}

/// The whole page.
pub(crate) fn page(code: Code, paint: Paint) -> String {
    let mut text = format!("{}\n\n", paint.bold(format!("{code}: {}", code.title())));
    let mut inside = false;
    for line in code.explanation().lines() {
        match line.strip_prefix("```") {
            Some("") if inside => inside = false,
            Some(info) => {
                inside = true;
                if info.split(' ').any(|word| word == "fails") {
                    text.push_str("For example, this fails:\n\n");
                }
            }
            None if inside && line.is_empty() => text.push('\n'),
            None if inside => text.push_str(&format!("    {}\n", paint.cyan(line))),
            None => text.push_str(&format!("{line}\n")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_no_markdown_left() {
        insta::assert_snapshot!(page(Code::MissingKey, Paint::PLAIN));
        for code in Code::ALL {
            assert!(!page(*code, Paint::PLAIN).contains("```"), "{code}");
        }
    }

    #[test]
    fn every_code_is_listed_under_a_heading() {
        let text = list(Paint::PLAIN);
        for code in Code::ALL {
            let line = format!("  {code}  {}\n", code.title());
            assert_eq!(text.matches(&line).count(), 1, "{code}");
        }
        assert_eq!(text.matches("\n\n").count(), 11, "{text}");
    }
}
