//! Kubernetes quantities: `500m`, `1.5`, `128Mi`, `1e3`.

/// Reads a quantity in its base unit: cores, bytes or pieces. `None` for what is no quantity.
pub(super) fn parse(text: &str) -> Option<f64> {
    let text = text.trim();
    let end = text
        .char_indices()
        .find(|(at, c)| {
            let exponent = matches!(c, 'e' | 'E')
                && text[at + 1..]
                    .starts_with(|next: char| next.is_ascii_digit() || matches!(next, '-' | '+'));
            !(c.is_ascii_digit() || matches!(c, '.' | '+' | '-') || exponent)
        })
        .map_or(text.len(), |(at, _)| at);
    let number: f64 = text[..end].parse().ok()?;
    let factor = match &text[end..] {
        "" => 1.0,
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "E" => 1e18,
        "Ki" => 1024.0,
        "Mi" => 1024.0 * 1024.0,
        "Gi" => 1024.0 * 1024.0 * 1024.0,
        "Ti" => 1024.0_f64.powi(4),
        "Pi" => 1024.0_f64.powi(5),
        "Ei" => 1024.0_f64.powi(6),
        _ => return None,
    };
    Some(number * factor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_notation_is_read() {
        for (text, value) in [
            ("500m", 0.5),
            ("2", 2.0),
            ("128Mi", 134_217_728.0),
            ("1.5G", 1.5e9),
            ("1e3", 1000.0),
            ("12E", 12e18),
            ("100n", 1e-7),
        ] {
            let parsed = parse(text).unwrap();
            assert!((parsed - value).abs() <= value * 1e-9, "{text}: {parsed}");
        }
        assert_eq!(parse("lots"), None);
        assert_eq!(parse("5x"), None);
    }

    proptest! {
        #[test]
        fn nothing_panics(text in ".{0,12}") {
            let _ = parse(&text);
        }
    }
}
