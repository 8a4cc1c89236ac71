//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use wharf_protocol::sdk::Interaction;

use crate::cases::notifications;
use crate::certify::SERVICE;

/// What to verify and how.
#[derive(Debug, Clone, ClapArgs)]
pub struct Args {
    /// Where the channel is; its path and query are kept
    #[arg(long, global = true, value_name = "URL", default_value = "http://127.0.0.1:8080/channels/demo")]
    pub base_url: String,

    #[command(flatten)]
    pub key: KeyChoice,

    /// The folder in which the installed key lies, below retailops/ [default: your home folder]
    #[arg(long, global = true, value_name = "DIR", env = "WHARF_VERIFY_HOME")]
    pub home: Option<PathBuf>,

    /// Only these interactions or events, by name or by prefix such as order_*
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub actions: Vec<String>,

    /// Check the notifications too; they are sent with this X-API-KEY
    #[arg(long, value_name = "KEY")]
    pub notification_key: Option<String>,

    /// Only one of the two platforms
    #[arg(long, value_name = "PLATFORM")]
    pub only: Option<Platform>,

    /// Stop at the first failure; the summary still comes
    #[arg(long)]
    pub stop_on_error: bool,

    /// Print requests and answers on standard error, without the keys
    #[arg(long)]
    pub verbose: bool,

    /// How long one request may take, such as 15s [default: 15s; 5m for certify]
    #[arg(long, global = true, value_name = "DURATION", value_parser = duration)]
    pub timeout: Option<Duration>,

    /// One JSON document on standard output instead of text
    #[arg(long, global = true)]
    pub json: bool,

    /// Write the result as `JUnit` XML too
    #[arg(long, value_name = "FILE", help = "Write the result as JUnit XML too")]
    pub junit: Option<PathBuf>,

    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Which key is sent; without a choice the public test key.
#[derive(Debug, Clone, ClapArgs)]
#[group(multiple = false)]
pub struct KeyChoice {
    /// The channel's key [default: the public test key]
    #[arg(long, global = true, value_name = "KEY")]
    pub key: Option<String>,

    /// A file that holds the channel's key
    #[arg(long, global = true, value_name = "FILE")]
    pub key_file: Option<PathBuf>,

    /// The installed key, see install-auth-key
    #[arg(long, global = true)]
    pub use_auth_key: bool,
}

/// Who calls a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Platform {
    /// The eleven interactions
    Sdk,
    /// The back office's events
    Notifications,
}

/// What else there is to do.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Make a random key and install it; prints where, and not the key
    GenerateAuthKey {
        /// Replace an installed key
        #[arg(long)]
        force: bool,
    },
    /// Print the installed key
    ShowAuthKey,
    /// Install a key that somebody gave you
    InstallAuthKey {
        /// The key; without it, or with -, standard input is read
        #[arg(value_name = "KEY")]
        value: Option<String>,
    },
    /// Let the platform's service certify and register the channel
    Certify(Certify),
}

/// What certification needs.
#[derive(Debug, Clone, ClapArgs)]
pub struct Certify {
    /// Your key for the platform's service
    #[arg(long, value_name = "KEY", env = "RETAILOPS_API_KEY", hide_env_values = true)]
    pub api_key: String,

    /// What the integration shall be called; no underscores, no blanks
    #[arg(long, value_name = "NAME")]
    pub integration_name: String,

    /// What the channel implements [default: all eleven interactions]
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub supported: Vec<String>,

    /// The platform's service
    #[arg(long, value_name = "URL", default_value = SERVICE)]
    pub certify_url: String,
}

fn duration(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(duration) if duration.is_zero() => Err("must be more than nothing".into()),
        Ok(duration) => Ok(duration),
        Err(error) => Err(format!("{error}; write it like 15s or 500ms")),
    }
}

/// What names of interactions and events choose.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Choice {
    /// Interactions.
    pub interactions: Vec<Interaction>,
    /// Event types.
    pub events: Vec<String>,
}

/// A name that nothing has.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{name}` names nothing; known are {known}")]
pub struct UnknownName {
    name: String,
    known: String,
}

impl Choice {
    /// All there is.
    pub fn all() -> Self {
        Self { interactions: Interaction::ALL.to_vec(), events: notifications::events() }
    }

    /// What `patterns` choose: exact names, or prefixes that end in `*`. No pattern chooses all.
    ///
    /// # Errors
    /// A pattern chooses nothing.
    pub fn of(patterns: &[String]) -> Result<Self, UnknownName> {
        let all = Self::all();
        if patterns.is_empty() {
            return Ok(all);
        }
        let fits = |pattern: &str, name: &str| {
            pattern.strip_suffix('*').map_or(pattern == name, |prefix| name.starts_with(prefix))
        };
        for pattern in patterns.iter().map(|pattern| pattern.trim()) {
            let known: Vec<&str> =
                all.interactions.iter().map(|one| one.name()).chain(all.events.iter().map(String::as_str)).collect();
            if !known.iter().any(|name| fits(pattern, name)) {
                return Err(UnknownName { name: pattern.to_owned(), known: known.join(", ") });
            }
        }
        let chosen = |name: &str| patterns.iter().any(|pattern| fits(pattern.trim(), name));
        Ok(Self {
            interactions: all.interactions.into_iter().filter(|one| chosen(one.name())).collect(),
            events: all.events.into_iter().filter(|event| chosen(event)).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;

    #[derive(clap::Parser)]
    struct Wharf {
        #[arg(long, global = true)]
        json: bool,
        #[command(subcommand)]
        command: Verb,
    }

    #[derive(Subcommand)]
    enum Verb {
        Verify(Args),
    }

    #[test]
    fn the_arguments_are_a_subcommand_of_another_program() {
        Wharf::command().debug_assert();
        let line = [
            "wharf",
            "verify",
            "--json",
            "--key",
            "k",
            "certify",
            "--api-key",
            "a",
            "--integration-name",
            "N",
            "--timeout",
            "9s",
        ];
        let parsed = Wharf::try_parse_from(line).unwrap();
        let Verb::Verify(args) = parsed.command;
        assert!(parsed.json && args.json);
        assert_eq!((args.key.key.as_deref(), args.timeout), (Some("k"), Some(Duration::from_secs(9))));
        assert!(matches!(args.command, Some(Command::Certify(_))));
        for line in [&["wharf", "verify", "--key", "k", "--use-auth-key"][..], &["wharf", "verify", "--timeout", "0s"]]
        {
            assert!(Wharf::try_parse_from(line).is_err());
        }
    }

    fn of(patterns: &[&str]) -> Result<Choice, UnknownName> {
        Choice::of(&patterns.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn names_are_exact_and_prefixes_end_in_a_star() {
        assert_eq!(of(&["order_pull", " order_pull"]).unwrap().interactions, [Interaction::OrderPull]);
        assert_eq!(of(&["catalog_*"]).unwrap().interactions, [Interaction::CatalogGetConfig, Interaction::CatalogPush]);
        assert_eq!(of(&["document.*"]).unwrap().events.len(), 3);
        assert_eq!(of(&[]).unwrap(), Choice::all());
        assert_eq!(of(&["*"]).unwrap(), Choice::all());
    }

    #[test]
    fn an_unknown_name_is_an_error_that_lists_the_known() {
        for unknown in ["order", "pull", "order_pul", "x*", ""] {
            let error = of(&["order_pull", unknown]).unwrap_err().to_string();
            assert!(error.contains("order_settle_payment") && error.contains("contact.search"), "{error}");
        }
    }
}
