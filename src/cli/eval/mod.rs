//! `leadsman eval`: every case below a directory, and how often the answer is right.

mod text;

use std::io::{self, IsTerminal as _};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use leadsman_ports::chat::ChatModel;
use serde::Serialize;

use super::outages::Outages;
use super::{Outcome, load_config, out};
use crate::config::Config;
use crate::eval::{self, Judged, Loaded, Report, Selection, Setup, Summary, markdown};
use crate::{app, readable, shutdown};

/// Exit code of an evaluation below the threshold.
const BELOW: u8 = 2;

#[derive(Debug, Args)]
pub(super) struct Eval {
    /// Directory of cases, at any depth; a case holds incident.json, expected.yaml and snapshot/.
    dir: PathBuf,
    /// Form of the report on standard output; json is one line a case and a summary.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
    /// Let the configured model investigate; by default the rules answer alone.
    #[arg(long)]
    model: bool,
    /// Share of right causes, and of right targets, below which the exit code is 2.
    #[arg(long, default_value_t = 0.95, value_parser = share, value_name = "0..1")]
    threshold: f64,
    /// Cases at once; one a core by default.
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Only cases with this text in their path below DIR; may be repeated.
    #[arg(long, value_name = "NAME")]
    filter: Vec<String>,
    /// Leave out directories of this name; may be repeated.
    #[arg(long, value_name = "NAME")]
    exclude: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    Text,
    Json,
    Md,
}

/// A line of the JSON form.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Line<'a> {
    Case(&'a Judged),
    Summary {
        #[serde(flatten)]
        summary: &'a Summary,
        /// Cases that could not be answered.
        broken: usize,
        model: Option<&'a str>,
        threshold: f64,
        passed: bool,
    },
}

fn share(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| "give a share from 0 to 1, such as 0.95".to_owned())
}

impl Eval {
    pub(super) async fn run(self, config: Option<PathBuf>) -> Outcome {
        let config = load_config(config)?;
        let bar = progress();
        let model = if self.model { Some(configured_model(&config, &bar)?) } else { None };
        let setup = Setup {
            model,
            limits: config.investigation.limits(),
            jobs: self.jobs.unwrap_or_else(eval::default_jobs),
        };
        let selection = Selection { exclude: self.exclude.clone(), filter: self.filter.clone() };
        let loaded = Loaded::below(&self.dir, &selection)?;
        let report = tokio::select! {
            report = self.investigate(loaded, &setup, &bar) => report?,
            signal = shutdown::requested() => return Err(format!("stopped by {signal}").into()),
        };
        self.print(&report)?;
        for error in &report.broken {
            out::complain(error);
        }
        Ok(if !report.broken.is_empty() {
            ExitCode::FAILURE
        } else if report.summary().passes(self.threshold) {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(BELOW)
        })
    }

    /// Investigates every case; the JSON form shows each one as soon as it can.
    async fn investigate(
        &self,
        loaded: Loaded,
        setup: &Setup,
        bar: &ProgressBar,
    ) -> io::Result<Report> {
        bar.set_length(loaded.cases.len() as u64);
        let report = eval::run(shown(&self.dir), loaded, setup, |answer| {
            bar.inc(1);
            match answer {
                Ok(judged) if self.output == Output::Json => {
                    bar.suspend(|| print_line(&Line::Case(judged)))
                }
                Ok(_) | Err(_) => Ok(()),
            }
        });
        let report = report.await;
        bar.finish_and_clear();
        report
    }

    fn print(&self, report: &Report) -> io::Result<()> {
        let summary = report.summary();
        let passed = report.broken.is_empty() && summary.passes(self.threshold);
        match self.output {
            Output::Text => out::page(&text::render(report, &summary, self.threshold)),
            Output::Md => out::page(&readable::text(&markdown::render(report))),
            Output::Json => print_line(&Line::Summary {
                summary: &summary,
                broken: report.broken.len(),
                model: report.model.as_deref(),
                threshold: self.threshold,
                passed,
            }),
        }
    }
}

/// The model; its outages are told beside the bar.
fn configured_model(config: &Config, bar: &ProgressBar) -> Result<Arc<dyn ChatModel>, String> {
    let model = app::connect_model(&config.model).map_err(|error| error.to_string())?;
    let bar = bar.clone();
    let outages =
        Outages::new(move |outage| bar.suspend(|| out::note(&format!("leadsman: {outage}"))));
    let model = model.map(|model| outages.of_model(model, config.model.endpoint.as_deref()));
    model.ok_or_else(|| {
        "--model: no model is configured; set model.endpoint and model.name, or \
         LEADSMAN_MODEL_ENDPOINT and LEADSMAN_MODEL_NAME"
            .to_owned()
    })
}

/// A path without a trailing slash, so that the page does not depend on it.
fn shown(path: &Path) -> String {
    path.components().collect::<PathBuf>().display().to_string()
}

fn print_line(line: &Line<'_>) -> io::Result<()> {
    let text = serde_json::to_string(line)?;
    out::page(&format!("{}\n", readable::json(&text)))
}

/// A bar on a terminal, nothing elsewhere.
fn progress() -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(0);
    if let Ok(style) =
        ProgressStyle::with_template("{wide_bar} {pos} of {len} cases {elapsed:.dim}")
    {
        bar.set_style(style);
    }
    bar
}
