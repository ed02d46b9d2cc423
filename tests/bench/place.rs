//! A region on disk with a real broker, and grants that do not hold the load back.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use model::{clock::Clock, grant::demo_text};

use crate::world::{
    bare::Bare,
    clock::system_now,
    region::{LY, LYG, REGION, Region, XZ},
};

/// A region whose broker runs.
pub struct Place {
    pub region: Region,
    pub broker: Program,
}

/// A child process that dies with this value.
pub struct Program(Child);

impl Program {
    pub fn start(role: &str, config: &Path) -> Self {
        let log = std::fs::File::create(config.with_extension("log")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_liandong"));
        command.arg(role).arg("--config").arg(config).env("LIANDONG_LOG", "warn");
        Self(command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap())
    }

    /// Resident memory now and at its highest, in MiB, and CPU seconds used.
    pub fn memory(&self) -> (u64, u64) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let mib = |key: &str| {
            let line = status.lines().find(|line| line.starts_with(key)).unwrap();
            line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1_024
        };
        (mib("VmRSS:"), mib("VmHWM:"))
    }

    /// Processor time used so far.
    pub fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.0.id())).unwrap();
        let after_name = stat.rsplit_once(')').unwrap().1;
        let ticks: u64 =
            after_name.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum();
        Duration::from_millis(ticks * 10) // 100 ticks a second on every Linux that Rust runs on
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Place {
    /// A fresh region of three cities with its broker running.
    pub async fn start(name: &str) -> Self {
        let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("bench-{name}"));
        drop(std::fs::remove_dir_all(&directory));
        let mut region = Region::create(&directory, &[LY, XZ, LYG], system_now()).unwrap();
        region.trust.publish_grants(&wide_grants()).unwrap();
        let broker = Program::start("broker", &region.broker_config);
        crate::client::listening(region.broker_address).await;
        Self { region, broker }
    }

    /// A bare agent of a city.
    pub fn bare(&self, city: &str) -> Bare {
        Bare::of(city, &self.region.trust.trust(city), &Clock::new(system_now)).unwrap()
    }
}

/// The default policy without its ceilings.
fn wide_grants() -> String {
    let expires = system_now().plus(Duration::from_hours(24 * 20));
    let text = demo_text(&REGION.parse().unwrap(), 9, expires, &["AG-1".parse().unwrap()]);
    let wide = "id = \"information\"\nper_second = 4000000\nbytes_per_second = 4000000000\n\
                stored_bytes = 40000000000\nstored_envelopes = 40000000\n";
    let text = text.replace("id = \"information\"\n", wide);
    text.lines()
        .map(|line| if line.starts_with("flash_per_hour") { "flash_per_hour = 4000000" } else { line })
        .collect::<Vec<_>>()
        .join("\n")
}
