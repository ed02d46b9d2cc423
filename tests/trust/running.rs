//! Broker and agent as processes: what changes on one side reaches the other over the link.

use std::{
    fs,
    io::{BufRead as _, BufReader, Lines},
    path::Path,
    process::{Child, ChildStderr, Command, Stdio},
};

use crate::offices::Offices;

/// A program that runs; its end is the test's end.
struct Running {
    child: Child,
    log: Lines<BufReader<ChildStderr>>,
    ready: String,
}

impl Running {
    /// Starts it and waits until it says that it is ready.
    fn start(verb: &str, config: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_liandong"))
            .args([verb, "--config"])
            .arg(config)
            .env("LIANDONG_LOG", "info")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = out.next().expect("it ended before it was ready").unwrap();
        Self { child, log, ready }
    }

    /// Reads its log up to a line with this text.
    fn says(&mut self, text: &str) {
        let mut said = String::new();
        for line in self.log.by_ref() {
            let line = line.unwrap();
            if line.contains(text) {
                return;
            }
            said.push_str(&line);
            said.push('\n');
        }
        panic!("it ended and never said `{text}`:\n{said}");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn broker(offices: &Offices) -> Running {
    let config = offices.ly_path("broker.toml");
    let (state, trust) = (offices.ly_path("state"), offices.ly_path("R/broker"));
    let (state, trust) = (state.display(), trust.display());
    let text = format!(
        "state = \"{state}\"\ntrust = \"{trust}\"\nlisten = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\n\
         metrics_listen = \"127.0.0.1:0\"\nsegment_bytes = 1048576\nallow_unsafe_filesystem = true\n"
    );
    fs::write(&config, text).unwrap();
    Running::start("broker", &config)
}

fn agent(offices: &Offices, broker: &Running) -> Running {
    let port = broker.ready.split("127.0.0.1:").nth(1).and_then(|rest| rest.split(',').next()).unwrap();
    let config = offices.lyg_path("agent.toml");
    let (state, trust) = (offices.lyg_path("state"), offices.lyg_path("trust"));
    let (state, trust) = (state.display(), trust.display());
    let text = format!(
        "region = \"linyi\"\njurisdiction = \"320700\"\nstate = \"{state}\"\ntrust = \"{trust}\"\n\
         broker = [\"localhost:{port}\"]\nsegment_bytes = 1048576\nallow_unsafe_filesystem = true\n\
         [officer]\nname = \"王明\"\nduty_phone = \"0518-8000000\"\n"
    );
    fs::write(&config, text).unwrap();
    Running::start("agent", &config)
}

#[test]
fn newer_files_come_to_an_agent_over_the_link_and_its_list_goes_to_the_broker() {
    let offices = Offices::joined();
    // both sides have something that the other lacks
    offices.ly(&["certs", "publish", "--dir", "R", "--refresh"]).good();
    let own = offices.lyg_path("trust/crls/320700.pem");
    offices.lyg(&["certs", "revoke", "--dir", "trust", "--serial", "c0ffee"]).good();
    assert!(!fs::read_to_string(offices.lyg_path("trust/directory.toml")).unwrap().contains("version = 3"));

    let mut broker = broker(&offices);
    let mut agent = agent(&offices, &broker);
    agent.says("newer signed files are in force");
    broker.says("a newer revocation list");

    assert!(fs::read_to_string(offices.lyg_path("trust/directory.toml")).unwrap().contains("version = 3"));
    let carried = fs::read(offices.ly_path("R/broker/crls/320700.pem")).unwrap();
    assert_eq!(carried, fs::read(own).unwrap());
}

#[test]
fn a_revoked_agent_is_cut_and_comes_back_with_a_new_certificate_without_a_restart() {
    let offices = Offices::joined();
    let rows = offices.show("lyg", "trust");
    let leaf = rows.iter().find(|row| row["what"] == "leaf").unwrap();
    let mut broker = broker(&offices);
    let mut agent = agent(&offices, &broker);
    agent.says("the link is up");

    let serial = leaf["serial"].as_str().unwrap();
    offices.ly(&["certs", "revoke", "--dir", "R", "--serial", serial, "--of", "320700"]).good();
    broker.says("a session is cut");
    agent.says("the link is down");
    agent.says("session.ended_early");

    offices.lyg(&["certs", "renew", "trust"]).good();
    agent.says("the link is up");
}
