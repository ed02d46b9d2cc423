//! Sessions: a sender within a window that says which receipts it has, and a receiver that confirms frame by frame.

use std::net::SocketAddr;

use anyhow::{Context as _, bail};
use proto::v1::{self, session_request::Frame as Ask, session_response::Frame as Tell};
use tokio::{sync::mpsc, time::Instant};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use super::{
    figures::Times,
    member::{BURST, Member},
};

/// One session: a line to say things on, and what comes back.
#[derive(Debug)]
pub struct Line {
    asks: mpsc::Sender<v1::SessionRequest>,
    tells: Streaming<v1::SessionResponse>,
}

impl Line {
    /// Opens a session; the welcome is read.
    pub async fn open(member: &mut Member, broker: SocketAddr) -> anyhow::Result<Self> {
        let (asks, wire) = mpsc::channel(64);
        asks.send(v1::SessionRequest { frame: Some(Ask::Hello(member.hello())) }).await?;
        let tells = member.client(broker).session(ReceiverStream::new(wire)).await?.into_inner();
        let mut line = Self { asks, tells };
        match line.next().await? {
            Tell::Welcome(_) => Ok(line),
            _ => bail!("the broker did not begin with a welcome"),
        }
    }

    /// Says one frame.
    pub async fn say(&self, frame: Ask) -> anyhow::Result<()> {
        Ok(self.asks.send(v1::SessionRequest { frame: Some(frame) }).await?)
    }

    /// What the broker says next.
    pub async fn next(&mut self) -> anyhow::Result<Tell> {
        loop {
            let response = self.tells.message().await?.context("the broker ended the session")?;
            match response.frame {
                Some(Tell::GoAway(away)) => bail!("the broker ends the session: {} {}", away.reason, away.text_en),
                Some(frame) => return Ok(frame),
                None => {}
            }
        }
    }
}

impl Line {
    /// Has each envelope given back before the next is said: how long each took.
    pub async fn echo_one_by_one(&mut self, envelopes: &[v1::Envelope]) -> anyhow::Result<Times> {
        let mut times = Times::new()?;
        for envelope in envelopes {
            let began = Instant::now();
            self.echo(std::slice::from_ref(envelope), 1).await?;
            times.add(began.elapsed());
        }
        Ok(times)
    }

    /// Has all envelopes given back, at most `window` of them on their way.
    pub async fn echo(&mut self, envelopes: &[v1::Envelope], window: usize) -> anyhow::Result<()> {
        let (mut sent, mut back) = (0, 0);
        while back < envelopes.len() {
            while sent < envelopes.len() && sent - back < window {
                let end = (sent + BURST.min(window - (sent - back))).min(envelopes.len());
                self.say(submissions(envelopes.get(sent..end).unwrap_or_default())).await?;
                sent = end;
            }
            if let Tell::Deliveries(frame) = self.next().await? {
                back += frame.deliveries.len();
            }
        }
        Ok(())
    }
}

/// A frame of submissions.
fn submissions(envelopes: &[v1::Envelope]) -> Ask {
    let submission =
        |envelope: &v1::Envelope| v1::Submission { envelope: Some(envelope.clone()), ..v1::Submission::default() };
    Ask::Submissions(v1::Submissions { submissions: envelopes.iter().map(submission).collect() })
}

/// Who sends.
#[derive(Debug)]
pub struct Sender {
    line: Line,
    accepted: usize,
    receipts: usize,
}

impl Sender {
    /// On a line of its own.
    pub fn on(line: Line) -> Self {
        Self { line, accepted: 0, receipts: 0 }
    }

    /// Sends `envelopes`, at most `window` of them unanswered. When this returns each was accepted, and `receipts` receipts
    /// of delivery for each have come and are known to be stored.
    pub async fn send(&mut self, envelopes: &[v1::Envelope], window: usize, receipts: usize) -> anyhow::Result<()> {
        let (accepted, owed) = (self.accepted + envelopes.len(), self.receipts + envelopes.len() * receipts);
        let began = self.accepted;
        let mut sent = 0;
        loop {
            while sent < envelopes.len() && sent + began - self.accepted < window {
                let room = window - (sent + began - self.accepted);
                let end = (sent + room.min(BURST)).min(envelopes.len());
                self.line.say(submissions(envelopes.get(sent..end).unwrap_or_default())).await?;
                sent = end;
            }
            if self.accepted >= accepted && self.receipts >= owed {
                return Ok(());
            }
            self.hear().await?;
        }
    }

    /// Sends one and waits until it is accepted.
    pub async fn send_one(&mut self, envelope: &v1::Envelope) -> anyhow::Result<()> {
        self.send(std::slice::from_ref(envelope), 1, 0).await
    }

    /// Sends each envelope at its time, whatever became of those before. When this returns all were accepted.
    pub async fn send_at(&mut self, envelopes: &[v1::Envelope], due: impl Fn(usize) -> Instant) -> anyhow::Result<()> {
        let accepted = self.accepted + envelopes.len();
        let mut sent = 0;
        while self.accepted < accepted {
            let now = Instant::now();
            let mut end = sent;
            while end < envelopes.len() && end - sent < BURST && due(end) <= now {
                end += 1;
            }
            if end > sent {
                self.line.say(submissions(envelopes.get(sent..end).unwrap_or_default())).await?;
                sent = end;
            } else if sent < envelopes.len() {
                tokio::select! {
                    () = tokio::time::sleep_until(due(sent)) => {}
                    heard = self.hear() => heard?,
                }
            } else {
                self.hear().await?;
            }
        }
        Ok(())
    }

    async fn hear(&mut self) -> anyhow::Result<()> {
        match self.line.next().await? {
            Tell::Answers(answers) => {
                if let Some(refusal) = answers.refused.first() {
                    bail!("the broker refuses: {} {}", refusal.reason, refusal.text_en);
                }
                self.accepted += answers.accepted.map_or(0, |batch| batch.statements.len());
            }
            Tell::ReceiptLine(line) => {
                self.receipts += line.receipts.len();
                if let Some(through) = line.through {
                    self.line.say(Ask::ReceiptsSeen(through)).await?;
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// Who receives.
pub struct Receiver {
    line: Line,
    member: Member,
    confirms: u64,
    stored: u64,
}

impl Receiver {
    /// On a line of its own.
    pub fn on(line: Line, member: Member) -> Self {
        Self { line, member, confirms: 0, stored: 0 }
    }

    /// The next deliveries, not confirmed yet.
    pub async fn take(&mut self) -> anyhow::Result<Vec<v1::Delivery>> {
        loop {
            match self.line.next().await? {
                Tell::Deliveries(frame) => return Ok(frame.deliveries),
                Tell::ConfirmStored(done) => self.stored = done.number,
                _ => {}
            }
        }
    }

    /// Confirms deliveries under one signature.
    pub async fn confirm(&mut self, deliveries: &[v1::Delivery]) -> anyhow::Result<()> {
        self.confirms += 1;
        let cumulative_tag = deliveries.iter().map(|delivery| delivery.tag).max().unwrap_or_default();
        let receipts = Some(self.member.confirm(deliveries)?);
        let confirm = v1::Confirm { number: self.confirms, cumulative_tag, receipts, ..v1::Confirm::default() };
        self.line.say(Ask::Confirm(confirm)).await
    }

    /// Takes and confirms `count` deliveries, and shows `came` each frame as it comes. When this returns the confirms are
    /// stored.
    pub async fn take_all(
        &mut self,
        count: usize,
        mut came: impl FnMut(&[v1::Delivery], Instant),
    ) -> anyhow::Result<()> {
        let mut left = count;
        while left > 0 {
            let deliveries = self.take().await?;
            came(&deliveries, Instant::now());
            left = left.saturating_sub(deliveries.len());
            self.confirm(&deliveries).await?;
        }
        while self.stored < self.confirms {
            if let Tell::ConfirmStored(done) = self.line.next().await? {
                self.stored = done.number;
            }
        }
        Ok(())
    }
}
