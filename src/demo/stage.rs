//! Everything the story needs, put together: files, programs, lines, desks, the board.

use std::{collections::BTreeMap, path::Path, time::Duration};

use anyhow::Context as _;
use store::tasks::Tasks;

use super::{
    board::Board,
    desk::Desk,
    line::Line,
    programs::Program,
    region::{CITIES, CityFiles, Files},
    tell::Teller,
};
use crate::clock;

/// How long anything may take that the story waits for.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The stage.
#[derive(Debug)]
pub struct Stage {
    /// The region on disk.
    pub files: Files,
    /// The broker.
    pub broker: Program,
    /// What was seen.
    pub board: Board,
    /// The voice.
    pub teller: Teller,
    agents: BTreeMap<&'static str, Program>,
    lines: BTreeMap<&'static str, Line>,
    desks: BTreeMap<&'static str, Desk>,
    tasks: Tasks,
}

impl Stage {
    /// Makes the region's files in `directory`; nothing runs yet.
    pub fn new(directory: &Path, teller: Teller, tasks: &Tasks) -> anyhow::Result<Self> {
        let files = Files::create(directory, clock::system().now())?;
        Ok(Self {
            broker: Program::new("broker", &files.broker_config),
            files,
            board: Board::new(),
            teller,
            agents: BTreeMap::new(),
            lines: BTreeMap::new(),
            desks: BTreeMap::new(),
            tasks: tasks.clone(),
        })
    }

    /// Starts broker, lines and agents. When this returns, every link is up.
    pub async fn raise(&mut self) -> anyhow::Result<()> {
        self.broker.start().await?;
        for files in self.files.cities.clone() {
            self.start_agent(&files).await?;
        }
        for city in CITIES {
            let desk = self.desk(city)?;
            let up = async {
                while desk.link_state().await? != "UP" {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                anyhow::Ok(())
            };
            tokio::time::timeout(PATIENCE, up)
                .await
                .with_context(|| format!("the link of {city} does not come up"))??;
        }
        Ok(())
    }

    async fn start_agent(&mut self, files: &CityFiles) -> anyhow::Result<()> {
        let line = Line::open(self.files.broker_address, &self.tasks).await?;
        self.files.write_agent(files, line.address)?;
        let mut agent = Program::new("agent", &files.config);
        agent.start().await?;
        let desk = Desk::open(files.city, &files.socket, &self.board, &self.tasks);
        self.agents.insert(files.city, agent);
        self.lines.insert(files.city, line);
        self.desks.insert(files.city, desk);
        Ok(())
    }

    /// The desk of a city.
    pub fn desk(&self, city: &str) -> anyhow::Result<Desk> {
        self.desks.get(city).cloned().with_context(|| format!("no desk in {city}"))
    }

    /// The line of a city.
    pub fn line(&self, city: &str) -> anyhow::Result<&Line> {
        self.lines.get(city).with_context(|| format!("no line to {city}"))
    }

    /// Ends every program in order.
    pub async fn strike(&mut self) {
        for program in self.agents.values_mut().chain([&mut self.broker]) {
            if let Err(error) = program.stop().await {
                tracing::warn!(%error, "a program did not end in order");
            }
        }
    }
}
