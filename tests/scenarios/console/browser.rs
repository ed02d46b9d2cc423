//! As much of a browser as the exercises need: cookies, forms, streams.

use std::net::SocketAddr;
use std::path::PathBuf;

use agent::console::accounts::Accounts;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::world::clock::HandClock;
use crate::world::live::{World, within};

/// Everybody's.
pub const PASSWORD: &str = "correct horse";

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    pub code: u16,
    head: String,
    pub body: String,
}

impl Answer {
    /// A header's value; empty where it is not there.
    pub fn header(&self, name: &str) -> &str {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(own, _)| own.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
    }

    pub fn location(&self) -> String {
        self.header("location").to_owned()
    }
}

/// One browser at one console.
pub struct Browser {
    address: SocketAddr,
    state: PathBuf,
    clock: HandClock,
    cookies: Vec<(String, String)>,
}

impl Browser {
    pub fn at(world: &World, city: &str) -> Self {
        let address = world.agent(city).console();
        Self { address, state: world.state(city), clock: world.clock.clone(), cookies: Vec::new() }
    }

    /// In another language or other colours.
    pub fn with_cookie(mut self, name: &str, value: &str) -> Self {
        self.cookies.push((name.into(), value.into()));
        self
    }

    /// One request with these headers in place of a browser's own.
    pub async fn asked(&mut self, method: &str, path: &str, body: &str, headers: &[(&str, &str)]) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(self.request(method, path, body, headers, "close").as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        within("an answer", stream.read_to_end(&mut bytes)).await.unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let code = head.split(' ').nth(1).unwrap().parse().unwrap();
        let answer = Answer { code, head: head.to_owned(), body: body.to_owned() };
        let set =
            answer.head.lines().filter_map(|line| line.split_once(": ")).filter(|(name, _)| *name == "set-cookie");
        for (name, value) in set.filter_map(|(_, line)| line.split(';').next()?.split_once('=')) {
            self.cookies.retain(|(own, _)| own != name);
            self.cookies.push((name.into(), value.into()));
        }
        answer
    }

    fn request(&self, method: &str, path: &str, body: &str, headers: &[(&str, &str)], connection: &str) -> String {
        let host = self.address.to_string();
        let mut all = vec![("host", host.clone()), ("connection", connection.to_owned())];
        if method == "POST" {
            all.push(("origin", format!("http://{host}")));
            all.push(("content-type", "application/x-www-form-urlencoded".to_owned()));
        }
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        all.push(("cookie", cookies.join("; ")));
        all.retain(|(name, _)| headers.iter().all(|(own, _)| own != name));
        all.extend(headers.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let head = all.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect::<Vec<_>>().concat();
        format!("{method} {path} HTTP/1.1\r\ncontent-length: {}\r\n{head}\r\n{body}", body.len())
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        self.asked("GET", path, "", &[]).await
    }

    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)], headers: &[(&str, &str)]) -> Answer {
        let encoded: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        self.asked("POST", path, &encoded.join("&"), headers).await
    }

    /// A form of a page of this session.
    pub async fn act(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let token = self.token().await;
        let all: Vec<(&str, &str)> = fields.iter().copied().chain([("token", token.as_str())]).collect();
        self.post(path, &all, &[]).await
    }

    /// A form of this session, of which nobody waits for the answer longer than `patience`.
    pub async fn abandons(&mut self, path: &str, fields: &[(&str, &str)], patience: std::time::Duration) {
        let token = self.token().await;
        let all = fields.iter().copied().chain([("token", token.as_str())]);
        let body: Vec<String> = all.map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(self.request("POST", path, &body.join("&"), &[], "close").as_bytes()).await.unwrap();
        tokio::time::sleep(patience).await;
    }

    /// Presses the button under a draft as it is shown now.
    pub async fn release(&mut self, draft: &str, fields: &[(&str, &str)]) -> Answer {
        let seen = self.seen(draft).await;
        let all: Vec<(&str, &str)> = fields.iter().copied().chain([("seen", seen.as_str())]).collect();
        self.act(&format!("{draft}/send"), &all).await
    }

    /// The version of a draft that is shown; empty where nobody may let it go.
    pub async fn seen(&mut self, draft: &str) -> String {
        let page = self.get(&format!("{draft}/review")).await.body;
        let rest = page.split_once("name=\"seen\" value=\"").map(|(_, rest)| rest);
        rest.and_then(|rest| rest.split('"').next()).unwrap_or_default().to_owned()
    }

    /// The token that the forms of this session carry.
    pub async fn token(&mut self) -> String {
        let page = self.get("/inbox").await.body;
        let (_, rest) = page.split_once("name=\"token\" value=\"").expect("a form with a token");
        rest.split('"').next().unwrap().to_owned()
    }

    pub async fn try_sign_in(&mut self, account: &str, post: &str, password: &str, code: &str) -> Answer {
        let fields = [("account", account), ("post", post), ("password", password), ("code", code)];
        self.post("/login", &fields, &[]).await
    }

    pub async fn sign_in(&mut self, account: &str, post: &str) {
        self.sign_in_with(account, post, "").await;
    }

    pub async fn sign_in_with(&mut self, account: &str, post: &str, code: &str) {
        let answer = self.try_sign_in(account, post, PASSWORD, code).await;
        assert_eq!(answer.code, 303, "{}", answer.body);
        let cookie = answer.header("set-cookie");
        assert!(cookie.starts_with("__Host-ld-") && cookie.ends_with("; Path=/; Secure; HttpOnly; SameSite=Strict"));
    }

    /// What the authenticator of an account shows now.
    pub fn second_factor(&self, account: &str) -> String {
        let account = Accounts::of(&self.state).find(account).unwrap().expect("an account");
        super::code_now(self.clock.now(), &account)
    }

    /// A stream, from after an event on.
    pub async fn stream(&mut self, path: &str, after: Option<&str>) -> Stream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let headers: Vec<(&str, &str)> = after.map(|id| ("last-event-id", id)).into_iter().collect();
        stream.write_all(self.request("GET", path, "", &headers, "keep-alive").as_bytes()).await.unwrap();
        Stream { line: stream, bytes: Vec::new(), read: 0 }
    }
}

/// Events as they come.
pub struct Stream {
    line: TcpStream,
    bytes: Vec<u8>,
    read: usize,
}

/// One of them.
#[derive(Clone, Debug, Default)]
pub struct Event {
    pub id: String,
    pub data: String,
}

impl Stream {
    /// The first event from here on that says this.
    pub async fn until(&mut self, word: &str) -> Event {
        within(&format!("an event that says {word}"), async {
            loop {
                while let Some(event) = self.next() {
                    if event.data.contains(word) {
                        return event;
                    }
                }
                let mut piece = vec![0; 16 * 1024];
                let length = self.line.read(&mut piece).await.unwrap();
                assert!(length > 0, "the stream ended before it said {word}");
                self.bytes.extend_from_slice(&piece[..length]);
            }
        })
        .await
    }

    /// The next whole event. The sizes between chunks stand on lines of their own, and no event has such a line.
    fn next(&mut self) -> Option<Event> {
        let text = String::from_utf8_lossy(&self.bytes[self.read..]).into_owned();
        let end = text.find("\n\n")?;
        self.read += text[..end + 2].len();
        let mut event = Event::default();
        for line in text[..end].lines() {
            if let Some(id) = line.strip_prefix("id: ") {
                id.clone_into(&mut event.id);
            }
            if let Some(data) = line.strip_prefix("data: ") {
                event.data.push_str(data);
                event.data.push('\n');
            }
        }
        Some(event)
    }
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat()
}
