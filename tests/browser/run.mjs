// Two desks in a real browser: somebody signs in, a message arrives by itself and rings, is opened and acknowledged, and the
// sender's trace moves. No page says anything to anybody else.
//
//     node tests/browser/run.mjs target/debug/liandong target/browser
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { chromium } from "playwright-core";
import { INCIDENT, aid, fill, signInAs } from "./aid.mjs";
import { PASSWORD, region } from "./region.mjs";

const [binary, pictures] = [resolve(process.argv[2] ?? "target/debug/liandong"), resolve(process.argv[3] ?? "target/browser")];
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
mkdirSync(pictures, { recursive: true });

let failed = 0;
function check(holds, what) {
  console.log(`${holds ? "ok     " : "FAILED "}${what}`);
  if (!holds) failed += 1;
}

const world = await region(binary);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--autoplay-policy=user-gesture-required"],
});
const complaints = [];

/** A desk in a context of its own; whatever its pages complain about is written down. */
async function desk(id, options = {}) {
  const city = world.cities[id];
  const context = await browser.newContext({ locale: "zh-CN", timezoneId: "Asia/Shanghai", viewport: { width: 1440, height: 900 }, ...options });
  context.setDefaultTimeout(15000);
  const page = await context.newPage();
  watch(page, city.url);
  return { city, context, page };
}

function watch(page, url) {
  page.on("console", (said) => { if (["error", "warning"].includes(said.type())) complaints.push(`${page.url()}: ${said.text()}`); });
  page.on("pageerror", (error) => complaints.push(`${page.url()}: ${error}`));
  page.on("request", (asked) => { if (!asked.url().startsWith(url) && !asked.url().startsWith("data:")) complaints.push(`asks ${asked.url()}`); });
}

async function signIn({ city, page }) {
  await page.goto(`${city.url}/inbox`);
  await page.fill("[name=account]", "officer");
  await page.fill("[name=password]", PASSWORD);
  await page.click("form.stack button");
  await page.waitForURL("**/inbox");
}

/** As when another tab is in front: in a headless browser every page believes to be seen. */
const hides = (page) => page.evaluate(() => {
  Object.defineProperty(document, "hidden", { value: true, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
});

/** As where nobody has touched the page yet: whatever asks a page here counts as a touch. */
const mutes = () => {
  HTMLMediaElement.prototype.play = () => Promise.reject(new DOMException("nobody has touched the page", "NotAllowedError"));
};

const picture = (page, name) => page.screenshot({ path: join(pictures, `${name}.png`) });

try {
  const ly = await desk("371300");
  await ly.page.goto(`${ly.city.url}/login`);
  await picture(ly.page, "login");
  await signIn(ly);
  const cookies = await ly.context.cookies();
  check(cookies.some((one) => one.name.startsWith("__Host-") && one.secure && one.httpOnly && one.sameSite === "Strict"), "loopback takes the strict cookie");
  await picture(ly.page, "inbox-empty");

  await ly.page.click("#sound");
  await ly.page.waitForSelector("#sound.on");
  check(true, "the test tone plays after a hand has asked for it");

  const xz = await desk("320300");
  await signIn(xz);

  // hidden: another tab is in front
  const front = await ly.context.newPage();
  await front.goto("about:blank");
  await front.bringToFront();
  const rang = Number(await ly.page.evaluate(() => document.body.dataset.rang ?? 0));
  const began = Date.now();
  const id = world.send("320300", "371300", "FLASH", "G30 槽车侧翻，盐酸泄漏，下风向两公里");
  const sent = Date.now();
  await ly.page.waitForSelector(`#row-${id}`, { state: "attached" });
  console.log(`       sent in ${sent - began} ms, on the screen ${Date.now() - sent} ms later`);
  check(true, "a message comes to the screen by itself, in a hidden tab too");
  await ly.page.waitForFunction((before) => Number(document.body.dataset.rang ?? 0) > before, rang);
  check(true, "it rings in a hidden tab");
  await front.close();
  await ly.page.bringToFront();
  check((await ly.page.title()).includes("◆"), "the title says that something is owed");
  check((await ly.page.textContent("#assertive")).includes("特提"), "it is said aloud");
  for (const [precedence, text] of [["IMMEDIATE", "沂河水位超警戒 0.4 米"], ["PRIORITY", "化工园区例行检修通报"], ["ROUTINE", "节日值班安排"], ["ROUTINE", "通讯录更新"]]) {
    world.send("320300", "371300", precedence, text);
  }
  await ly.page.waitForSelector(".band.routine .row >> nth=1");
  await picture(ly.page, "inbox");

  await ly.page.keyboard.press("j");
  check(await ly.page.evaluate((id) => document.activeElement?.closest(".row")?.id === `row-${id}`, id), "j goes to the most urgent row");
  await ly.page.keyboard.press("Enter");
  await ly.page.waitForSelector(".message [data-key=a]");
  await picture(ly.page, "inbox-open");
  await ly.page.keyboard.press("g");
  await ly.page.keyboard.press("a");
  await ly.page.keyboard.press("g");
  await ly.page.keyboard.press("i");
  await ly.page.waitForURL("**/inbox");
  await ly.page.goto(`${ly.city.url}/inbox?tab=all&m=${id}`);
  check(await ly.page.isVisible(".message [data-key=a]"), "what follows g never signs");
  await xz.page.goto(`${xz.city.url}/m/${id}/trace`);
  await xz.page.waitForSelector("text=王磊");
  await picture(xz.page, "trace-opened");
  await ly.page.keyboard.press("a");
  await xz.page.waitForSelector("text=已签收 >> visible=true");
  await xz.page.waitForFunction(() => document.querySelectorAll(".ways td.done").length >= 5);
  check(true, "the sender's trace moves by itself");
  await picture(xz.page, "trace");
  await ly.page.waitForSelector(`#row-${id}.chosen .held`);
  await picture(ly.page, "inbox-acknowledged");
  await xz.page.goto(`${xz.city.url}/inbox?tab=sent`);
  await picture(xz.page, "sent");

  await ly.page.keyboard.press("?");
  await ly.page.waitForSelector("dialog[open]");
  await picture(ly.page, "keys");
  await ly.page.keyboard.press("Escape");

  // a phone
  const phone = await desk("371300", { viewport: { width: 390, height: 844 }, hasTouch: true });
  await signIn(phone);
  for (const [name, path] of [["inbox", "/inbox"], ["message", `/inbox?tab=all&m=${id}`], ["trace", `/m/${id}/trace`]]) {
    await phone.page.goto(phone.city.url + path);
    await picture(phone.page, `phone-${name}`);
    check(await phone.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `phone ${name}: nothing scrolls sideways`);
  }

  // many tabs: those that nobody sees hold no line
  const many = await desk("371300");
  await signIn(many);
  const tabs = [];
  for (let n = 0; n < 7; n += 1) {
    const tab = await many.context.newPage();
    watch(tab, many.city.url);
    if (n === 0) await tab.addInitScript(mutes);
    await tab.goto(`${many.city.url}/inbox?tab=all&m=${id}`);
    await tab.waitForSelector("#stages li");
    await hides(tab);
    tabs.push(tab);
  }
  await many.page.bringToFront();
  await many.page.click("nav.rail a[data-go=i]");
  await many.page.waitForSelector(`#row-${id}`);
  check(true, "with eight tabs open a click is answered");

  // the tab that hears the alarms may not sound: another one rings for it
  const [mute, loud] = tabs;
  await many.page.close();
  for (const tab of tabs.slice(2)) await tab.close();
  check(await mute.evaluate(() => document.getElementById("sound")?.classList.contains("off") ?? false), "a page that may not sound says so");
  await loud.bringToFront();
  await loud.click("#sound");
  await loud.waitForSelector("#sound.on");
  const heard = Number(await loud.evaluate(() => document.body.dataset.rang ?? 0));
  world.send("320300", "371300", "FLASH", "郯城化工园区再次泄漏");
  await loud.waitForFunction((before) => Number(document.body.dataset.rang ?? 0) > before, heard);
  check(true, "a tab that may sound rings for the one that leads and may not");

  // who signs out in one tab is told so in the other
  await loud.click("form[action='/logout'] button");
  await loud.waitForURL("**/login");
  world.send("320300", "371300", "ROUTINE", "节日值班安排补充");
  await mute.waitForSelector("#ended:not([hidden])");
  check(await mute.isVisible("#ended a"), "a page whose session has ended says so and leads to the signing in");
  await picture(mute, "session-ended");
  await many.context.close();

  // aid, from the asking to the coming home, between two desks
  const seats = async (id) => {
    const seat = async (account, post) => {
      const one = await desk(id);
      await signInAs(one, account, post);
      return one;
    };
    return { officer: await seat("officer", "DUTY_OFFICER"), leader: await seat("leader", "SHIFT_LEADER"), manager: await seat("manager", "RESOURCE_MANAGER") };
  };
  const desks = [await seats("371300"), await seats("320300")];
  const { request } = await aid({ world, desks, check, picture });
  for (const { leader, manager } of desks) { await leader.context.close(); await manager.context.close(); }
  const officer = desks[0].officer;

  // a FLASH is checked point by point
  await officer.page.goto(`${officer.city.url}/compose`);
  await officer.page.click("button[name=begin][value=bulletin]");
  await officer.page.waitForURL("**/compose/*");
  const draft = officer.page.url();
  const bulletin = [["to", "320300"], ["header.incident_id", INCIDENT], ["header.event_level", "L0"], ["header.category", "ACCIDENT"], ["header.precedence", "FLASH"],
    ["body.headline", "下风向两公里立即疏散"], ["body.subtype", "NOTICE"], ["body.body", "请沿线单位立即疏散。"], ["body.valid_until", "2100-01-01T08:00"]];
  for (const [name, text] of bulletin) await fill(officer.page, name, text);
  await officer.page.keyboard.press("Control+Enter");
  await officer.page.waitForURL("**/review");
  await officer.page.click("[data-ctrl-enter]");
  await officer.page.waitForSelector(".problem");
  check((await officer.page.textContent(".problem")).includes("逐项核对"), "a FLASH does not leave unchecked");
  await picture(officer.page, "review-flash");
  // a browser complains of every answer that refuses: of this one it should
  const refusal = complaints.findIndex((one) => one.includes("/send:") && one.includes("422"));
  check(refusal >= 0, "what is refused is answered as refused");
  complaints.splice(refusal, 1);
  for (const box of await officer.page.locator("[name=check]").all()) await box.check();
  await officer.page.click("[data-ctrl-enter]");
  await officer.page.waitForURL("**/trace");
  check(true, "once every point is checked it leaves");

  // what is half typed outlives a live update and a draft that somebody else takes over says so
  await officer.page.goto(`${officer.city.url}/compose`);
  await officer.page.click("button[name=begin][value=bulletin]");
  await officer.page.waitForURL("**/compose/*");
  await officer.page.fill("[name='body.headline']", "写到一半");
  await officer.page.focus("[name='body.headline']");
  world.send("320300", "371300", "ROUTINE", "打字时来的一件");
  await officer.page.waitForFunction(() => Number(document.querySelector("[data-count='/inbox']")?.textContent) > 0);
  const focused = await officer.page.evaluate(() => document.activeElement?.getAttribute("name"));
  check(focused === "body.headline" && (await officer.page.inputValue("[name='body.headline']")) === "写到一半", "what is half typed and the focus outlive what comes meanwhile");
  await officer.page.waitForFunction(() => document.getElementById("kept")?.textContent?.includes("已存"));
  await officer.page.reload();
  check((await officer.page.inputValue("[name='body.headline']")) === "写到一半", "it is kept by itself, and there again after the page is loaded anew");

  // an incident is written down, by the keyboard alone
  await officer.page.goto(`${officer.city.url}/inbox`);
  await officer.page.keyboard.press("g");
  await officer.page.keyboard.press("n");
  await officer.page.waitForURL("**/incidents");
  await officer.page.focus("[name=title]");
  await officer.page.keyboard.type("沂河大桥货车坠河");
  for (let n = 0; n < 12 && !(await officer.page.evaluate(() => document.activeElement?.matches(".learn button"))); n += 1) await officer.page.keyboard.press("Tab");
  await officer.page.keyboard.press("Enter");
  await officer.page.waitForURL(/\/incidents\/371300-/);
  check((await officer.page.textContent("main")).includes("沂河大桥货车坠河"), "an incident is written down by the keyboard alone, and gets its number");
  await picture(officer.page, "incident-learned");
  await officer.page.goto(`${officer.city.url}/incidents/${INCIDENT}`);
  check((await officer.page.locator(".course li").count()) > 10, "the course of an incident tells everything that was said");
  await picture(officer.page, "incident");

  // an agenda is edited by two people at once: the second sees both texts and chooses
  const [ours, theirs] = [officer.page, desks[1].officer.page];
  await ours.goto(`${officer.city.url}/meetings`);
  await ours.fill("[name=meeting]", "371300-M-2027");
  await ours.fill("[name=title]", "2027 年度联席会议议程");
  await ours.click(".learn button");
  await ours.waitForURL("**/agenda");
  await ours.click("text=提出议题");
  await fill(ours, "title", "跨省危化品运输事故联动机制修订");
  await fill(ours, "summary", "首次答复时限统一为 60 分钟");
  await ours.keyboard.press("Control+Enter");
  await ours.waitForSelector(".agenda li");
  await theirs.goto(`${desks[1].officer.city.url}/meetings`);
  await theirs.click("text=2027 年度联席会议议程");
  await theirs.waitForSelector(".agenda li");
  for (const page of [ours, theirs]) { await page.click(".agenda li a"); await page.waitForSelector("#edit"); }
  await fill(theirs, "summary", "首次答复时限统一为 90 分钟");
  await theirs.click("#edit button");
  await theirs.waitForSelector(".agenda >> text=90 分钟");
  await fill(ours, "summary", "首次答复时限统一为 45 分钟");
  await ours.click("#edit button");
  await ours.waitForSelector(".clash");
  const both = await ours.textContent(".clash");
  check(both.includes("90 分钟") && both.includes("45 分钟"), "who saves over a newer text sees both");
  await picture(ours, "agenda-clash");
  const old = complaints.findIndex((one) => one.includes("/agenda:") && one.includes("409"));
  if (old >= 0) complaints.splice(old, 1);
  await ours.click(".clash button");
  await ours.waitForSelector(".agenda >> text=45 分钟");
  await theirs.waitForSelector(".agenda >> text=45 分钟");
  check(true, "what was chosen stands on both sides, without loading the page anew");
  await picture(ours, "agenda");

  // the way to a neighbour is tested
  await officer.page.goto(`${officer.city.url}/neighbours`);
  await picture(officer.page, "neighbours");
  await officer.page.click("form[action='/neighbours/test'] button");
  await officer.page.waitForSelector(".test-steps .good");
  check((await officer.page.locator(".test-steps .bad").count()) === 0, "the way to a neighbour is tested step by step");
  await picture(officer.page, "neighbours-tested");
  await officer.page.goto(`${officer.city.url}/duty`);
  await picture(officer.page, "duty");

  // the wall counts what is owed, and moves by itself
  await officer.page.setViewportSize({ width: 1920, height: 1080 });
  await officer.page.goto(`${officer.city.url}/wall`);
  const flashes = () => officer.page.evaluate(() => Number(document.querySelector(".numbers .flash .big")?.textContent));
  const counted = await flashes();
  world.send("320300", "371300", "FLASH", "沂河大桥货车坠河，油料泄漏");
  await officer.page.waitForFunction((before) => Number(document.querySelector(".numbers .flash .big")?.textContent) > before, counted);
  check(true, "on the wall a FLASH is counted when it comes");
  await picture(officer.page, "wall");
  await officer.page.setViewportSize({ width: 1440, height: 900 });

  const places = [["compose", "/compose"], ["draft", new URL(draft).pathname], ["resources", "/resources?incident=&all=1"], ["request", `/resources/${request}`], ["incidents", "/incidents"],
    ["incident", `/incidents/${INCIDENT}`], ["duty", "/duty"], ["neighbours", "/neighbours"], ["meetings", "/meetings"], ["catalogue", "/catalogue?q=%E6%95%91%E6%8F%B4"], ["wall", "/wall"], ["agenda", "/meetings/371300-M-2027/agenda"]];
  await officer.page.goto(`${officer.city.url}/compose`);
  places[1][1] = await officer.page.getAttribute(".drafts a", "href");
  for (const [name, path] of places) {
    await phone.page.goto(phone.city.url + path);
    await phone.page.screenshot({ path: join(pictures, `phone-${name}.png`), fullPage: true });
    check(await phone.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `phone ${name}: nothing scrolls sideways`);
    if (name === "draft") {
      const { bar, rail } = await phone.page.evaluate(() => ({ bar: document.querySelector(".acts.bar").getBoundingClientRect().toJSON(), rail: document.querySelector(".rail").getBoundingClientRect().toJSON() }));
      check(bar.height >= 44 && bar.bottom <= rail.top + 1, "phone: the buttons of a draft stay in reach of the thumb, above the rail");
    }
  }
  for (const [name, path] of places.slice(2)) {
    await officer.page.goto(officer.city.url + path);
    await officer.page.pdf({ path: join(pictures, `${name}.pdf`), format: "A4" });
  }

  // paper
  await ly.page.goto(`${ly.city.url}/m/${id}/trace`);
  await ly.page.pdf({ path: join(pictures, "trace.pdf"), format: "A4" });

  // axe is put into the page, which the policy forbids: contexts of their own
  for (const [lang, theme] of [["zh-CN", "day"], ["zh-CN", "night"], ["en", "day"], ["en", "night"]]) {
    const one = await desk("371300", { bypassCSP: true });
    const domain = new URL(one.city.url).hostname;
    await one.context.addCookies([["ld-lang", lang], ["ld-theme", theme]].map(([name, value]) => ({ name, value, domain, path: "/" })));
    const judged = async (name, path) => {
      await one.page.goto(one.city.url + path);
      await one.page.evaluate(axe);
      const { violations } = await one.page.evaluate(() => window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] }));
      for (const bad of violations) console.log(`       ${bad.id}: ${bad.nodes.map((node) => node.html).slice(0, 3).join(" | ")}`);
      check(violations.length === 0, `axe: ${name}, ${lang}, ${theme}`);
      await picture(one.page, `${name}-${lang}-${theme}`);
    };
    await judged("login", "/login");
    await signIn(one);
    await judged("inbox", `/inbox?tab=all&m=${id}`);
    await judged("trace", `/m/${id}/trace`);
    for (const [name, path] of places) await judged(name, path);
    await one.context.close();
  }
  check(complaints.length === 0, `no page complains, none asks elsewhere${complaints.map((one) => `\n         ${one}`).join("")}`);
} catch (error) {
  check(false, String(error.stack ?? error));
  let n = 0;
  for (const context of browser.contexts()) for (const page of context.pages()) await picture(page, `failed-${n += 1}`).catch(() => {});
} finally {
  await browser.close();
  world.stop();
}
process.exit(failed === 0 ? 0 : 1);
