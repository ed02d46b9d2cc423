// Two cities and a broker as real programs, with consoles, in a directory that is gone afterwards.
import { spawn, spawnSync, execFileSync } from "node:child_process";
import { createHmac } from "node:crypto";
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

/** What an authenticator with this secret shows now. */
export function codeNow(secret) {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const bits = [...secret].map((letter) => alphabet.indexOf(letter).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30000)));
  const mac = createHmac("sha1", key).update(step).digest();
  const at = mac[mac.length - 1] & 15;
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 1000000).padStart(6, "0");
}

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
    run(["console", "add", "manager", "--person", "周涛", "--post", "RESOURCE_MANAGER", "-c", config], `${PASSWORD}\n`);
    const told = spawnSync(binary, ["console", "add", "leader", "--person", "赵强", "--post", "SHIFT_LEADER", "-c", config], { input: `${PASSWORD}\n`, encoding: "utf8" });
    const secret = `${told.stdout}${told.stderr}`.match(/secret=([A-Z2-7]+)/)?.[1] ?? "";
    cities[id] = { secret, url: `http://127.0.0.1:${port}`, person, config, socket: at(id, "desk.sock") };
    await start(["agent", "--config", config]);
  }
  const stop = () => {
    for (const program of programs) { program.removeAllListeners("exit"); program.kill("SIGTERM"); }
    rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
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
  /** The example of a kind, as a form has it: names and texts. */
  const example = (kind) => {
    const { body } = JSON.parse(run(["-o", "json", "send", kind, "--example"]));
    const all = {};
    const flat = (path, value) => {
      if (value !== null && typeof value === "object" && !Array.isArray(value)) {
        if ("lat_e7" in value) all[path] = `${value.lat_e7 / 1e7},${value.lon_e7 / 1e7}`;
        else if ("fen" in value) all[path] = `${value.fen / 100}`;
        else for (const [name, inner] of Object.entries(value)) flat(`${path}.${name}`, inner);
      } else if (Array.isArray(value) && value.every((one) => typeof one === "object")) {
        value.forEach((inner, at) => flat(`${path}[${at}]`, inner));
      } else all[path] = Array.isArray(value) ? value.join("\n") : String(value);
    };
    flat("body", Object.values(body)[0]);
    return all;
  };
  return { cities, send, example, stop };
}
