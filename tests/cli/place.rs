//! A region whose programs run as real child processes, and somebody who types commands at its desks.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Child, ChildStdout, Command, Stdio},
};

use model::time::Timestamp;

use crate::region::Region;

/// Chinese.
pub const ZH: &str = "zh_CN.UTF-8";
/// English.
pub const EN: &str = "en_US.UTF-8";

/// How often a command asks for something that comes by itself, before it is a fault.
const ASKED_MAX: usize = 500;

/// Seconds that a command may go on.
const PATIENCE: &str = "30";

/// Broker and agents, which end with it.
pub struct Place {
    region: Region,
    running: BTreeMap<String, Running>,
    log: &'static str,
    directory: tempfile::TempDir,
}

/// What a command said.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// A command that goes on; its lines are read as they come.
pub struct Running {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Place {
    /// The state directory of the broker, or of a city's agent.
    pub fn state(&self, program: &str) -> PathBuf {
        self.directory.path().join(program)
    }

    /// The process of the broker, or of a city's agent.
    pub fn process(&self, program: &str) -> u32 {
        self.running[program].child.id()
    }

    /// Starts broker and agents; all of them are ready when this returns.
    pub fn start(cities: &[&str]) -> Self {
        Self::start_with(cities, "error")
    }

    /// The same, with programs that log this much, each into a file of its own.
    pub fn start_with(cities: &[&str], log: &'static str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let now = Timestamp::from_millis(jiff::Timestamp::now().as_millisecond());
        let region = Region::create(directory.path(), cities, now).unwrap();
        let mut place = Self { region, running: BTreeMap::new(), log, directory };
        place.begin("broker", &["broker", "--config", &place.region.broker_config.display().to_string()]);
        for city in cities {
            let config = place.region.agent(city).config.display().to_string();
            place.begin(city, &["agent", "--config", &config]);
        }
        for city in cities {
            place.linked(city);
        }
        place
    }

    /// Asks until the city's link is up.
    fn linked(&self, city: &str) {
        let up = (0..ASKED_MAX).any(|_| self.run(city, EN, &["link", "status"]).code == 0);
        assert!(up, "the link of {city} is not up");
    }

    fn begin(&mut self, name: &str, args: &[&str]) {
        let log = std::fs::File::create(self.log(name)).unwrap();
        let mut running = Running::begin_with(program(EN).args(args).env("LIANDONG_LOG", self.log), log);
        let ready = running.line();
        assert!(ready.starts_with("ready: "), "{name}: {ready}");
        self.running.insert(name.to_owned(), running);
    }

    /// Where the broker, or a city's agent, logs.
    pub fn log(&self, program: &str) -> PathBuf {
        self.directory.path().join(format!("{program}.log"))
    }

    /// kill -9.
    pub fn stop(&mut self, name: &str) {
        self.running.remove(name).unwrap();
    }

    /// Types a command at a city's desk and waits for its end.
    pub fn run(&self, city: &str, lang: &str, args: &[&str]) -> Said {
        let output = self.typing(city, lang).args(args).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Said { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Types a command that goes on.
    pub fn spawn(&self, city: &str, lang: &str, args: &[&str]) -> Running {
        let typed = self.typing(city, lang);
        // what never comes must not hold up the tests
        let mut patient = Command::new("timeout");
        patient.arg(PATIENCE).arg(typed.get_program()).args(args).stdin(Stdio::null());
        for (name, value) in typed.get_envs() {
            match value {
                Some(value) => patient.env(name, value),
                None => patient.env_remove(name),
            };
        }
        Running::begin(&mut patient)
    }

    fn typing(&self, city: &str, lang: &str) -> Command {
        let mut command = program(lang);
        command.env("LIANDONG_DESK", &self.region.agent(city).desk_socket);
        command.env("LIANDONG_ADMIN", self.admin()).env("LIANDONG_OPERATOR_TRUST", self.region.trust.trust("operator"));
        command
    }

    fn admin(&self) -> String {
        let config = std::fs::read_to_string(&self.region.broker_config).unwrap();
        let config: toml::Table = toml::from_str(&config).unwrap();
        config["admin_listen"].as_str().unwrap().to_owned()
    }

    /// A city's configuration.
    pub fn config(&self, city: &str) -> String {
        self.region.agent(city).config.display().to_string()
    }

    /// The broker's.
    pub fn broker_config(&self) -> PathBuf {
        self.region.broker_config.clone()
    }

    /// A city's trust directory.
    pub fn trust(&self, city: &str) -> String {
        self.region.trust.trust(city).display().to_string()
    }

    /// Writes a file and says where it is.
    pub fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path: PathBuf = self.directory.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.display().to_string()
    }
}

/// The program with nothing of this machine's settings.
pub fn program(lang: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_liandong"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("LIANDONG_")) {
        command.env_remove(name);
    }
    command.env("LC_ALL", lang).env("TZ", "Asia/Shanghai").env("LIANDONG_LOG", "error").stdin(Stdio::null());
    command
}

impl Running {
    /// Starts it.
    pub fn begin(command: &mut Command) -> Self {
        Self::begin_with(command, Stdio::null())
    }

    /// Starts it, with its log going there.
    fn begin_with(command: &mut Command, log: impl Into<Stdio>) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// The next line; waits for it.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// The next line as JSON.
    pub fn json(&mut self) -> serde_json::Value {
        let line = self.line();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: `{line}`"))
    }

    /// Waits for the end.
    pub fn code(mut self) -> i32 {
        self.child.wait().unwrap().code().unwrap_or(-1)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A column of a table, by its head: the cells that stand under it, as a terminal with two cells for a Chinese
/// character shows them.
pub fn column(table: &str, head: &str) -> Vec<String> {
    let mut lines = table.lines().map(cells);
    let heads = lines.next().unwrap_or_else(|| panic!("no {head}: nothing was printed"));
    let at = heads.iter().position(|(_, text)| text == head).unwrap_or_else(|| panic!("no {head} in\n{table}"));
    let from = heads[at].0;
    let until = heads.get(at + 1).map_or(usize::MAX, |(next, _)| *next);
    lines
        .map(|line| {
            let under = line.into_iter().filter(|(begin, _)| (from..until).contains(begin));
            under.map(|(_, text)| text).collect::<Vec<_>>().join("  ")
        })
        .collect()
}

/// Texts that are two or more spaces apart, with the cell of the terminal at which each begins.
fn cells(line: &str) -> Vec<(usize, String)> {
    let (mut found, mut width): (Vec<(usize, String)>, usize) = (Vec::new(), 0);
    for (at, part) in line.split("  ").enumerate() {
        let lead = part.len() - part.trim_start().len();
        width += if at == 0 { 0 } else { 2 };
        if !part.trim().is_empty() {
            found.push((width + lead, part.trim().to_owned()));
        }
        width += part.chars().map(|c| if ('\u{2e80}'..='\u{ffef}').contains(&c) { 2 } else { 1 }).sum::<usize>();
    }
    found
}

/// The first column: short ids.
pub fn ids_of(table: &str) -> Vec<String> {
    column(table, "ID")
}
