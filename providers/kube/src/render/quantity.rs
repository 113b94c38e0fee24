//! Kubernetes quantities: `250m`, `1.5`, `128Mi`, `2e3`.

/// In base units (cores, bytes); `None` for what is no quantity.
pub(crate) fn parse(text: &str) -> Option<f64> {
    let text = text.trim();
    let end =
        text.rfind(|letter: char| letter.is_ascii_digit() || letter == '.').map(|at| at + 1)?;
    let (number, suffix) = text.split_at(end);
    let factor = match suffix {
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
        "Mi" => 1_048_576.0,
        "Gi" => 1_073_741_824.0,
        "Ti" => 1_099_511_627_776.0,
        "Pi" => 1_125_899_906_842_624.0,
        "Ei" => 1_152_921_504_606_846_976.0,
        _ => return None,
    };
    number.parse::<f64>().ok().filter(|number| number.is_finite()).map(|number| number * factor)
}

/// `250m`
pub(crate) fn cpu(cores: f64) -> String {
    format!("{:.0}m", (cores * 1000.0).ceil())
}

/// `128Mi`
pub(crate) fn memory(bytes: f64) -> String {
    format!("{:.0}Mi", bytes / 1_048_576.0)
}

/// `94%`; empty where the whole is unknown.
pub(crate) fn percent(part: f64, whole: Option<f64>) -> String {
    match whole {
        Some(whole) if whole > 0.0 => format!("{:.0}%", part / whole * 100.0),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn reads_every_form() {
        for (text, value) in [
            ("250m", 0.25),
            ("1.5", 1.5),
            ("128Mi", 134_217_728.0),
            ("2e3", 2000.0),
            ("12345n", 0.000_012_345),
        ] {
            assert!((parse(text).unwrap() - value).abs() < 1e-9, "{text}");
        }
        for text in ["", "Mi", "five", "1Xi", "--1"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
