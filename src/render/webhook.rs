//! `webhook register` for people and machines.

use std::fmt;

use serde::Serialize;

use super::Text;
use super::escape::Terminal;
use super::style::Tone;
use super::table::{Cell, Table};
use crate::forge::call::Sent;

/// A webhook that was made or set right.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Registered {
    /// Which forge.
    pub forge: &'static str,
    /// The base of its API.
    pub api: String,
    /// Owner and name.
    pub repository: String,
    /// `created` or `updated`.
    pub action: &'static str,
    /// Its number at the forge.
    pub id: u64,
    /// Where it goes.
    pub url: String,
    /// More webhooks that go to the same address.
    pub others: Vec<u64>,
}

impl fmt::Display for Text<'_, Registered> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Registered { forge, api, repository, action, id, url, others } = self.0;
        let (api, repository, url) = (Terminal(api), Terminal(repository), Terminal(url));
        writeln!(f, "{action} webhook {id} of {repository} at {api} ({forge})")?;
        writeln!(f, "  pushes of branches and tags go to {url}, signed with GITHUB_WEBHOOK_SECRET")?;
        if !others.is_empty() {
            writeln!(f, "  more go to the same address, and one is enough: {others:?}")?;
        }
        Ok(())
    }
}

/// A webhook as the forge has it, and what it sent.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Checked {
    /// Which forge.
    pub forge: &'static str,
    /// Its number at the forge.
    pub id: u64,
    /// Where it goes.
    pub url: String,
    /// Whether it is sent at all.
    pub active: bool,
    /// The newest deliveries; none where the forge's API does not tell.
    pub deliveries: Option<Vec<Sent>>,
}

impl fmt::Display for Text<'_, Checked> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Checked { forge, id, url, active, deliveries } = self.0;
        let state = match active {
            true => self.1.paint(Tone::Good, "is active"),
            false => self.1.paint(Tone::Bad, "is turned off at the forge; register it again to turn it on"),
        };
        writeln!(f, "webhook {id} to {} {state}", Terminal(url))?;
        match deliveries {
            None => writeln!(f, "  the API of {forge} tells no deliveries; the webhook's page there does"),
            Some(sent) if sent.is_empty() => writeln!(f, "  nothing has been delivered yet"),
            Some(sent) => {
                let mut table = Table::new(&["AT", "EVENT", "ANSWER"], self.1);
                for one in sent {
                    table.row([&one.at, &one.event, &one.answer].map(Cell::new));
                }
                write!(f, "{table}")
            }
        }
    }
}

/// What a person does where we have no API to ask.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ByHand {
    /// Which forge.
    pub forge: &'static str,
    /// Where the webhook must go.
    pub url: String,
}

impl fmt::Display for Text<'_, ByHand> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ByHand { forge, url } = self.0;
        writeln!(f, "skill-sync does not use the API of {forge}. In the repository's settings there:")?;
        writeln!(f, "  1. Workflow > Webhooks > Add webhook")?;
        writeln!(f, "  2. URL: {}", Terminal(url))?;
        writeln!(f, "  3. Secret: the first line of GITHUB_WEBHOOK_SECRET")?;
        writeln!(f, "  4. Triggers: Repository push, and nothing else")?;
        writeln!(f, "  5. Save, push something, and look at the webhook's requests there: the answer is 202")
    }
}
