//! Which crate a component is built from, and how.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::super::Failure;
use super::super::deploy::Deploy;

const MANIFEST: &str = "wharf.toml";

/// A crate, its manifest for Wharf, and the command that builds it.
#[derive(Debug)]
pub(super) struct Project {
    /// Where the command runs; what is watched.
    pub(super) folder: PathBuf,
    given: Option<PathBuf>,
    beside: PathBuf,
    pub(super) command: Build,
}

/// A command that builds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Build {
    /// Given with `--build`, run by `sh -c`.
    Shell(String),
    /// Cargo with these arguments.
    Cargo(Vec<String>),
}

impl fmt::Display for Build {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shell(command) => f.write_str(command),
            Self::Cargo(args) => write!(f, "cargo {}", args.join(" ")),
        }
    }
}

impl Project {
    pub(super) fn of(deploy: &Deploy) -> Result<Self, Failure> {
        let file = real(&deploy.file)?;
        let here = std::env::current_dir()?;
        let found = crate_of(&file, &here);
        let (folder, command) = match (&deploy.build, found) {
            (Some(command), found) => (found.unwrap_or(here), Build::Shell(command.clone())),
            (None, Some(folder)) => {
                let args = cargo(&file).ok_or_else(|| {
                    Failure::Usage(format!(
                        "{} does not lie in a folder such as target/wasm32-wasip2/release, so nobody can tell how it is built; name the command with --build 'COMMAND'",
                        deploy.file.display()
                    ))
                })?;
                (folder, Build::Cargo(args))
            }
            (None, None) => {
                return Err(Failure::Usage(format!(
                    "there is no Cargo.toml above {} or above the current folder; run it in the plugin's folder, or name the command with --build 'COMMAND'",
                    deploy.file.display()
                )));
            }
        };
        let (given, beside) = (deploy.manifest.clone(), file.with_file_name(MANIFEST));
        Ok(Self { folder, given, beside, command })
    }

    /// The manifest that is given, or the one beside the component, as for every deploy, or else the one beside the crate's
    /// Cargo.toml: nobody keeps in target/ what was written by hand.
    pub(super) fn manifest(&self) -> Option<PathBuf> {
        let unasked = || [self.beside.clone(), self.folder.join(MANIFEST)].into_iter().find(|path| path.exists());
        self.given.clone().or_else(unasked)
    }

    /// What is watched beside the folder.
    pub(super) fn outside(&self) -> &Path {
        self.given.as_deref().unwrap_or(&self.beside)
    }
}

/// The path without links and `..`, as far as it is there: what is not built yet has no folder.
pub(super) fn real(path: &Path) -> io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    let there = path.ancestors().find_map(|above| Some((above, above.canonicalize().ok()?)));
    let Some((above, mut real)) = there else { return Ok(path) };
    // Part by part: an empty rest would make a folder of a file.
    real.extend(path.strip_prefix(above).unwrap_or(Path::new("")));
    Ok(real)
}

/// The folder of the crate: the nearest one with a Cargo.toml above the component, or above the current folder when that is
/// nearer, as in a workspace, whose components lie in one target folder.
fn crate_of(file: &Path, here: &Path) -> Option<PathBuf> {
    let of_file = nearest(file.parent()?);
    let of_here = nearest(here);
    match (of_file, of_here) {
        (Some(file), Some(here)) if here.starts_with(&file) => Some(here),
        (file, here) => file.or(here),
    }
}

fn nearest(folder: &Path) -> Option<PathBuf> {
    let is_crate = |folder: &&Path| folder.join("Cargo.toml").is_file() && !folder.iter().any(|part| part == "target");
    folder.ancestors().find(is_crate).map(Path::to_owned)
}

/// Cargo's arguments for what lies at `…/wasm32-wasip2/release/x.wasm`.
fn cargo(file: &Path) -> Option<Vec<String>> {
    let profile = file.parent()?;
    let target = profile.parent()?.file_name().and_then(OsStr::to_str).filter(|name| name.starts_with("wasm"))?;
    let mut args = ["build", "--target", target].map(str::to_owned).to_vec();
    match profile.file_name()?.to_str()? {
        "debug" => {}
        "release" => args.push("--release".to_owned()),
        profile => args.extend(["--profile".to_owned(), profile.to_owned()]),
    }
    Some(args)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_tells_target_and_profile() {
        let told = |path: &str| cargo(Path::new(path)).map(|args| args.join(" "));
        for (path, args) in [
            ("target/wasm32-wasip2/release/x.wasm", Some("build --target wasm32-wasip2 --release")),
            ("/a/target/wasm32-wasip2/debug/x.wasm", Some("build --target wasm32-wasip2")),
            ("o/wasm32-wasip2/plugin/x.wasm", Some("build --target wasm32-wasip2 --profile plugin")),
            ("target/plugins/x.wasm", None),
            ("x.wasm", None),
        ] {
            assert_eq!(told(path).as_deref(), args, "{path}");
        }
    }

    #[test]
    fn a_path_is_known_before_what_it_names_is_built() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().canonicalize().unwrap();
        std::fs::create_dir_all(folder.join("shop/src")).unwrap();
        let told = real(&folder.join("shop/src/../target/release/x.wasm")).unwrap();
        assert_eq!(told, folder.join("shop/target/release/x.wasm"));
        std::fs::write(folder.join("shop/Cargo.toml"), "").unwrap();
        let file = real(&folder.join("shop/src/../Cargo.toml")).unwrap();
        assert!(file.is_file(), "{}", file.display());
    }

    #[test]
    fn the_crate_is_the_nearest_above_the_component_or_the_current_folder() {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        std::fs::create_dir_all(at("shop/target/wasm32-wasip2/release")).unwrap();
        std::fs::create_dir_all(at("shop/member/src")).unwrap();
        std::fs::create_dir_all(at("elsewhere")).unwrap();
        let file = at("shop/target/wasm32-wasip2/release/x.wasm");
        assert_eq!(crate_of(&file, &at("elsewhere")), None);
        // A crate that something left inside target/ is nobody's source.
        for crate_file in ["shop/Cargo.toml", "shop/target/Cargo.toml"] {
            std::fs::write(at(crate_file), "").unwrap();
        }
        assert_eq!(crate_of(&file, &at("elsewhere")), Some(at("shop")));
        assert_eq!(crate_of(&at("elsewhere/x.wasm"), &at("shop/member/src")), Some(at("shop")));
        std::fs::write(at("shop/member/Cargo.toml"), "").unwrap();
        assert_eq!(crate_of(&file, &at("shop/member/src")), Some(at("shop/member")));
        assert_eq!(crate_of(&file, &at("shop")), Some(at("shop")));
    }
}
