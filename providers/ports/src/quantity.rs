//! Kubernetes quantities: `500m`, `1.5`, `128Mi`, `1e3`.

/// Reads a quantity in its base unit: cores, bytes or pieces. `None` for what is no quantity, or not finite.
pub fn parse(text: &str) -> Option<f64> {
    let text = text.trim();
    let end = text.rfind(|c: char| c.is_ascii_digit() || c == '.').map(|at| at + 1)?;
    let (number, unit) = text.split_at(end);
    let factor = match unit {
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
    number.parse::<f64>().ok().map(|number| number * factor).filter(|value| value.is_finite())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn every_notation_is_read() {
        for (text, value) in [
            ("500m", 0.5),
            ("2", 2.0),
            ("1.5", 1.5),
            ("128Mi", 134_217_728.0),
            ("1.5G", 1.5e9),
            ("1e3", 1000.0),
            ("12E", 12e18),
            ("100n", 1e-7),
        ] {
            let parsed = parse(text).unwrap();
            assert!((parsed - value).abs() <= value * 1e-9, "{text}: {parsed}");
        }
        for text in ["", "Mi", "five", "lots", "5x", "1Xi", "--1", "1e999", "ä", "Ki1"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
