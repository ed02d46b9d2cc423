//! What the program was built from, out of the program itself: CycloneDX, made of the lock file that the build went by.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Value, json};

use super::out;

/// What the build was held to.
const LOCK: &str = include_str!("../../Cargo.lock");
/// What our own crates ask for; of the libraries the lock file says it.
const OURS: [&str; 8] = [
    include_str!("../../Cargo.toml"),
    include_str!("../../agent/Cargo.toml"),
    include_str!("../../broker/Cargo.toml"),
    include_str!("../../broker/journal/Cargo.toml"),
    include_str!("../../broker/store/Cargo.toml"),
    include_str!("../../certs/Cargo.toml"),
    include_str!("../../proto/Cargo.toml"),
    include_str!("../../proto/model/Cargo.toml"),
];
/// The program.
const ROOT: &str = env!("CARGO_PKG_NAME");

#[derive(Deserialize)]
struct Lock {
    package: Vec<Package>,
}

#[derive(Clone, Deserialize)]
struct Package {
    name: String,
    version: String,
    checksum: Option<String>,
    #[serde(default)]
    dependencies: Vec<String>,
}

#[derive(Deserialize)]
struct Manifest {
    package: Named,
    #[serde(default)]
    dependencies: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

impl Package {
    fn purl(&self) -> String {
        format!("pkg:cargo/{}@{}", self.name, self.version)
    }

    /// As another package's entry in the lock file names it: the version stands there only where there are several.
    fn is_named(&self, by: &str) -> bool {
        let mut words = by.split(' ');
        words.next() == Some(self.name.as_str()) && words.next().is_none_or(|version| version == self.version)
    }

    fn component(&self) -> Value {
        let hashes: Vec<_> = self.checksum.iter().map(|sum| json!({ "alg": "SHA-256", "content": sum })).collect();
        let (purl, name, version) = (self.purl(), &self.name, &self.version);
        json!({ "type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl, "hashes": hashes })
    }
}

/// What is linked into the program: nothing that only builds or tests it.
fn linked() -> anyhow::Result<Vec<Package>> {
    let lock: Lock = toml::from_str(LOCK)?;
    let ours = OURS.iter().map(|text| toml::from_str::<Manifest>(text)).collect::<Result<Vec<_>, _>>()?;
    let asked: BTreeMap<_, _> = ours.iter().map(|of| (of.package.name.as_str(), &of.dependencies)).collect();
    let is_linked = |of: &Package, name: &str| {
        let plain = name.split(' ').next().unwrap_or_default();
        asked.get(of.name.as_str()).is_none_or(|dependencies| dependencies.contains_key(plain))
    };
    let mut found: BTreeMap<String, Package> = BTreeMap::new();
    let mut open: Vec<&Package> = lock.package.iter().filter(|package| package.name == ROOT).collect();
    while let Some(package) = open.pop() {
        let dependencies: BTreeSet<_> =
            package.dependencies.iter().filter(|name| is_linked(package, name)).cloned().collect();
        let more = lock.package.iter().filter(|other| dependencies.iter().any(|name| other.is_named(name)));
        let kept = Package { dependencies: dependencies.iter().cloned().collect(), ..package.clone() };
        if found.insert(package.purl(), kept).is_none() {
            open.extend(more);
        }
    }
    Ok(found.into_values().collect())
}

/// The whole bill of materials; the same for every build of the same source.
fn bill() -> anyhow::Result<Value> {
    let linked = linked()?;
    let depends = |package: &Package| {
        let on = linked.iter().filter(|other| package.dependencies.iter().any(|name| other.is_named(name)));
        json!({ "ref": package.purl(), "dependsOn": on.map(Package::purl).collect::<Vec<_>>() })
    };
    let root = linked.iter().find(|package| package.name == ROOT).map(Package::component);
    let libraries = linked.iter().filter(|package| package.name != ROOT);
    let mut root = root.unwrap_or_default();
    if let Some(kind) = root.get_mut("type") {
        *kind = "application".into();
    }
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": { "component": root },
        "components": libraries.map(Package::component).collect::<Vec<_>>(),
        "dependencies": linked.iter().map(depends).collect::<Vec<_>>(),
    }))
}

/// Prints it.
pub fn run() -> anyhow::Result<()> {
    out::line(&serde_json::to_string_pretty(&bill()?)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn everything_that_is_linked_stands_in_it_with_its_checksum_and_nothing_that_only_tests() {
        let bill = bill().unwrap();
        let components = bill["components"].as_array().unwrap();
        let has = |name: &str| components.iter().find(|one| one["name"] == name);
        for name in ["rustls", "h2", "sled", "tonic", "broker", "certs", "model"] {
            assert!(has(name).is_some(), "{name}");
        }
        for name in ["proptest", "insta", "tempfile", "tonic-prost-build"] {
            assert!(has(name).is_none(), "{name}");
        }
        assert_eq!(has("rustls").unwrap()["hashes"][0]["content"].as_str().unwrap().len(), 64);
        assert_eq!(bill["metadata"]["component"]["type"], "application");
        let edges = bill["dependencies"].as_array().unwrap();
        assert_eq!(edges.len(), components.len() + 1);
        assert!(edges.iter().all(|edge| edge["dependsOn"].is_array()));
    }
}
