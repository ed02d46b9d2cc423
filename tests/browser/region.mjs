// Two cities and a broker as real programs, with consoles, in a directory that is gone afterwards.
import { spawn, execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const PASSWORD = "correct horse";

const freePort = () => new Promise((found) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const { port } = server.address();
    server.close(() => found(port));
  });
});

/** Starts everything; `stop` ends it. */
export async function region(binary) {
  const folder = mkdtempSync(join(tmpdir(), "liandong-browser-"));
  const at = (...parts) => join(folder, ...parts);
  const [broker, admin, metrics] = [await freePort(), await freePort(), await freePort()];
  const run = (args, input) => execFileSync(binary, args, { input, encoding: "utf8", stdio: ["pipe", "pipe", "pipe"] });
  run(["certs", "init", at("region"), "--region", "linyi", "--member", "371300=临沂/Linyi", "--member", "320300=徐州/Xuzhou",
    "--broker-host", "127.0.0.1", "--agreement", "AG-1"]);
  writeFileSync(at("broker.toml"), `state = "${at("broker")}"\ntrust = "${at("region", "broker")}"\nlisten = "127.0.0.1:${broker}"\n` +
    `admin_listen = "127.0.0.1:${admin}"\nmetrics_listen = "127.0.0.1:${metrics}"\nallow_unsafe_filesystem = true\n`);
  const programs = [];
  const start = (args) => new Promise((ready, failed) => {
    const program = spawn(binary, args, { stdio: ["ignore", "pipe", "pipe"] });
    let log = "";
    program.stderr.on("data", (text) => { log += text; });
    program.stdout.on("data", (text) => { if (String(text).startsWith("ready")) ready(program); });
    program.on("exit", (code) => failed(new Error(`${args.join(" ")} ended with ${code}\n${log}`)));
    programs.push(program);
  });
  await start(["broker", "--config", at("broker.toml")]);
  const cities = {};
  for (const [id, person] of [["371300", "王磊"], ["320300", "陈静"]]) {
    const [port, config] = [await freePort(), at(`${id}.toml`)];
    writeFileSync(config, `region = "linyi"\njurisdiction = "${id}"\nstate = "${at(id)}"\ntrust = "${at("region", id)}"\n` +
      `broker = ["127.0.0.1:${broker}"]\nallow_unsafe_filesystem = true\n[console]\nlisten = "127.0.0.1:${port}"\n` +
      `[officer]\nname = "${person}"\nduty_phone = "0539-8000000"\n`);
    run(["console", "add", "officer", "--person", person, "--post", "DUTY_OFFICER", "-c", config], `${PASSWORD}\n`);
    cities[id] = { url: `http://127.0.0.1:${port}`, person, config, socket: at(id, "desk.sock") };
    await start(["agent", "--config", config]);
  }
  const stop = () => {
    for (const program of programs) { program.removeAllListeners("exit"); program.kill("SIGTERM"); }
    rmSync(folder, { recursive: true, force: true });
  };
  /** One city sends another something; the id of the message. */
  const send = (from, to, precedence, headline) => {
    const draft = {
      header: { recipients: [{ jurisdiction: { id: to } }], precedence, status: "ACTUAL", incident_id: "371300-20261127-0001",
        event_level: "L0", category: "ACCIDENT", confidentiality: "INTERNAL",
        receipt_required: precedence === "FLASH" || precedence === "IMMEDIATE" ? "ACKNOWLEDGED" : "OPENED",
        prepared_by: { name: cities[from].person, role: "DUTY_OFFICER" } },
      body: { bulletin: { headline, subtype: "NOTICE", body: `${headline}。请沿线单位注意。`, valid_until: "2100-01-01T00:00:00Z" } },
    };
    writeFileSync(at("draft.json"), JSON.stringify(draft));
    const told = run(["--desk", cities[from].socket, "-o", "json", "send", "bulletin", "-f", at("draft.json")]);
    return JSON.parse(told).message_id;
  };
  return { cities, send, stop };
}
