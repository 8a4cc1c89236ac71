//! From the command line to an exit code.

use std::fmt::Display;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use wharf_protocol::sdk::TEST_KEY;

use crate::cases;
use crate::certify::{self, CertifyError, Order, PATIENCE};
use crate::cli::{Args, Certify, Choice, Command, Platform, UnknownName};
use crate::client::{BadTarget, Client, Target};
use crate::keys::{self, KeyError, KeyFile};
use crate::report::people::Screen;
use crate::report::{Report, json, junit};
use crate::runner::Runner;
use crate::screen;

/// Exit code: all good.
pub const DONE: u8 = 0;
/// Exit code: something failed.
pub const FAILED: u8 = 1;
/// Exit code: the arguments make no sense.
pub const USAGE: u8 = 2;

/// How long one request may take, as the platform's own tool has it.
const PATIENT: Duration = Duration::from_secs(15);

/// Why a command ends without its result.
struct Refusal {
    code: u8,
    message: String,
}

impl Refusal {
    fn new(code: u8, error: &impl ToString) -> Self {
        Self { code, message: error.to_string() }
    }
}

impl From<BadTarget> for Refusal {
    fn from(error: BadTarget) -> Self {
        Self::new(USAGE, &error)
    }
}

impl From<UnknownName> for Refusal {
    fn from(error: UnknownName) -> Self {
        Self::new(USAGE, &error)
    }
}

impl From<KeyError> for Refusal {
    fn from(error: KeyError) -> Self {
        Self::new(FAILED, &error)
    }
}

impl From<CertifyError> for Refusal {
    fn from(error: CertifyError) -> Self {
        let code = if error.is_usage() { USAGE } else { FAILED };
        Self::new(code, &error)
    }
}

/// Does what the arguments say, prints the result, and gives the exit code: [`DONE`], [`FAILED`] or [`USAGE`].
pub fn run(args: &Args) -> u8 {
    let result = match &args.command {
        None => verify(args),
        Some(Command::Certify(order)) => certified(args, order),
        Some(Command::GenerateAuthKey { force }) => generate(args, *force),
        Some(Command::ShowAuthKey) => show(args),
        Some(Command::InstallAuthKey { value }) => install(args, value.as_deref()),
    };
    result.unwrap_or_else(|refusal| {
        screen::aside(&format!("error: {}", refusal.message));
        refusal.code
    })
}

fn verify(args: &Args) -> Result<u8, Refusal> {
    let target = Target::parse(&args.base_url)?;
    let choice = chosen(args)?;
    let key = key(args)?.unwrap_or_else(|| TEST_KEY.to_owned());
    let place = target.base().to_owned();
    let client = Client::new(target, key, args.notification_key.clone(), args.timeout.unwrap_or(PATIENT), args.verbose);
    let mut screen = Screen::new(args.json, !args.verbose);
    let mut runner = Runner::new(&place, client.mask(), &mut screen, args.stop_on_error);
    cases::sdk::run(&client, &mut runner, &choice.interactions);
    cases::notifications::run(&client, &mut runner, &choice.events);
    let report = runner.finish();
    told(args, &report)?;
    Ok(if report.verdict().is_ok() { DONE } else { FAILED })
}

/// What is to be checked: the names, less the platform that was not asked for or that there is no key for.
fn chosen(args: &Args) -> Result<Choice, Refusal> {
    let mut choice = Choice::of(&args.actions)?;
    if args.only == Some(Platform::Sdk) || args.notification_key.is_none() {
        choice.events.clear();
    }
    if args.only == Some(Platform::Notifications) {
        choice.interactions.clear();
    }
    if args.notification_key.as_deref() == Some("") {
        return Err(Refusal::new(USAGE, &"--notification-key is empty"));
    }
    if choice.interactions.is_empty() && choice.events.is_empty() {
        let hint = if args.notification_key.is_none() { "; notifications need --notification-key" } else { "" };
        return Err(Refusal::new(USAGE, &format!("nothing is left to check{hint}")));
    }
    Ok(choice)
}

fn told(args: &Args, report: &Report) -> Result<(), Refusal> {
    if args.json {
        screen::line(&format!("{:#}", json::document(report)));
    }
    if let Some(path) = &args.junit {
        let unwritten = |error: &dyn Display| Refusal::new(FAILED, &format!("{}: {error}", path.display()));
        let xml = junit::xml(report).map_err(|error| unwritten(&error))?;
        fs::write(path, xml).map_err(|error| unwritten(&error))?;
    }
    Ok(())
}

/// The key that was asked for; none when none was.
fn key(args: &Args) -> Result<Option<String>, Refusal> {
    let choice = &args.key;
    match (&choice.key, &choice.key_file, choice.use_auth_key) {
        (Some(key), _, _) if key.is_empty() => Err(Refusal::new(USAGE, &"--key is empty")),
        (Some(key), _, _) => Ok(Some(key.clone())),
        (None, Some(path), _) => Ok(Some(keys::read(path)?)),
        (None, None, true) => Ok(Some(file(args)?.read()?)),
        (None, None, false) => Ok(None),
    }
}

fn file(args: &Args) -> Result<KeyFile, Refusal> {
    Ok(KeyFile::below(args.home.as_deref())?)
}

fn generate(args: &Args, force: bool) -> Result<u8, Refusal> {
    let file = file(args)?;
    file.generate(force)?;
    installed(args, file.path());
    Ok(DONE)
}

fn install(args: &Args, value: Option<&str>) -> Result<u8, Refusal> {
    let mut text = String::new();
    let key = match value {
        Some(key) if key != "-" => key,
        _ => {
            std::io::stdin()
                .read_to_string(&mut text)
                .map_err(|error| Refusal::new(FAILED, &format!("standard input: {error}")))?;
            &text
        }
    };
    let file = file(args)?;
    for warning in file.install(key)? {
        screen::aside(&format!("warning: {warning}"));
    }
    installed(args, file.path());
    Ok(DONE)
}

fn installed(args: &Args, path: &Path) {
    if args.json {
        screen::line(&serde_json::json!({ "path": path }));
    } else {
        screen::line(&format!("the key is in {}", path.display()));
    }
}

fn show(args: &Args) -> Result<u8, Refusal> {
    let key = file(args)?.read()?;
    if args.json {
        screen::line(&serde_json::json!({ "key": key }));
    } else {
        screen::line(&key);
    }
    Ok(DONE)
}

fn certified(args: &Args, wanted: &Certify) -> Result<u8, Refusal> {
    let target = Target::parse(&args.base_url)?;
    let choice = Choice::of(&wanted.supported)?;
    let key = match key(args)? {
        Some(key) => key,
        None => file(args)?.read()?,
    };
    let order = Order {
        service: &wanted.certify_url,
        api_key: &wanted.api_key,
        target: &target,
        key: &key,
        name: &wanted.integration_name,
        supported: &choice.interactions,
        timeout: args.timeout.unwrap_or(PATIENCE),
    };
    let message = certify::certify(&order)?;
    if args.json {
        screen::line(&serde_json::json!({ "ok": true, "message": message }));
    } else {
        screen::line(&format!("certified: {message}"));
    }
    Ok(DONE)
}
