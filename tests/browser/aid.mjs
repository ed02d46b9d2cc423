// Aid between two cities, all of it in browsers: asked for, offered, ordered, promised, sent, and home again. Officers write,
// leaders sign off in sessions of their own, whoever keeps the resources reports.
import { PASSWORD, codeNow } from "./region.mjs";

export const INCIDENT = "371300-20261127-0001";

/** Signs somebody in. */
export async function signInAs({ city, page }, account, post) {
  await page.goto(`${city.url}/login`);
  await page.fill("[name=account]", account);
  await page.fill("[name=password]", PASSWORD);
  await page.selectOption("[name=post]", post);
  if (post === "SHIFT_LEADER") await page.fill("[name=code]", codeNow(city.secret));
  await page.click("form.stack button");
  await page.waitForURL("**/inbox");
}

/** Fills in one field, wherever it is folded. @returns whether it is there */
export async function fill(page, name, text) {
  const field = page.locator(`[name="${name}"]`).first();
  if ((await field.count()) === 0) return false;
  const type = await field.evaluate((element) => {
    for (let fold = element.closest("details"); fold; fold = fold.parentElement?.closest("details")) fold.open = true;
    return element.tagName === "SELECT" ? "select" : element.type;
  });
  if (type === "select") await field.selectOption(text);
  else if (type === "checkbox") await page.check(`[name="${name}"][value="${text}"]`);
  else if (type === "datetime-local") await field.fill(local(text));
  else await field.fill(text);
  return true;
}

/** A time by the desk's clock, as the field takes it. */
const local = (text) => (/Z$/.test(text) ? new Date(Date.parse(text) + 8 * 3600000).toISOString().slice(0, 16) : text);

const inHours = (hours) => new Date(Date.now() + hours * 3600000).toISOString();

/** From the form to the page before it leaves. */
async function review(page) {
  await page.keyboard.press("Control+Enter");
  await page.waitForURL(/\/review$|#faults$/);
  if (page.url().endsWith("#faults")) throw new Error(await page.textContent("#faults"));
}

/** Sends what is under review, by a leader's own session where one must sign; the id of the message. */
async function release(writer, leader) {
  const { page } = writer;
  if (leader) {
    await page.click("button[name=ask]");
    await page.waitForSelector("text=待签发");
    await leader.page.goto(page.url());
    await leader.page.click("[data-ctrl-enter]");
    await leader.page.waitForURL("**/trace");
    await page.goto(leader.page.url());
  } else {
    await page.click("[data-ctrl-enter]");
    await page.waitForURL("**/trace");
  }
  return page.url().split("/").at(-2);
}

/** Presses a step on a message that has come: opens it first, where nobody has. */
async function step({ city, page }, id, name) {
  await page.goto(`${city.url}/m/${id}`);
  const opens = page.locator(`form[action="/m/${id}/open"] button`);
  if (await opens.count()) {
    await opens.click();
    await page.waitForURL(`**/m/${id}`);
  }
  await page.click(`button[name=step][value="${name}"]`);
  await page.waitForURL("**/compose/*");
}

const arrives = (desk, id) => desk.page.waitForSelector(`#row-${id}`);

/** The whole of it; `shows` looks at the board of a desk. */
export async function aid({ world, desks, check, picture }) {
  const [ly, xz] = desks;
  const page = ly.officer.page;

  // asked for: by the key, field by field, and nothing is lost on the way
  await page.goto(`${ly.officer.city.url}/inbox`);
  await page.keyboard.press("n");
  await page.waitForURL("**/compose");
  await picture(page, "compose-choose");
  await page.click("button[name=begin][value=request]");
  await page.waitForURL("**/compose/*");
  await picture(page, "compose-empty");
  await page.click("button[name=review]");
  await page.waitForURL(/#faults$/);
  check((await page.locator("#faults a").count()) > 5, "what is missing is listed above the form, each with its place");
  await picture(page, "compose-faults");
  for (const [name, text] of Object.entries(world.example("resource-request"))) await fill(page, name, text);
  for (const [name, text] of [["body.needed_by", inHours(3)], ["body.lapse_at", inHours(48)], ["header.incident_id", INCIDENT],
    ["header.event_level", "L4"], ["header.category", "ACCIDENT"], ["header.agreement_id", "AG-1"], ["to", "320300"]]) await fill(page, name, text);
  const typed = await page.inputValue("[name='body.effect_wanted']");
  await page.click(".bar button[name=keep]");
  await page.waitForLoadState();
  await page.goto(`${ly.officer.city.url}/compose`);
  await page.click(".drafts a");
  check((await page.inputValue("[name='body.effect_wanted']")) === typed, "the draft lives at the agent: what was typed is there again");
  await picture(page, "compose-filled");
  await review(page);
  check((await page.textContent(".getters")).includes("徐州"), "who will get it stands there before it leaves");
  await picture(page, "compose-review");
  const request = await release(ly.officer);
  check(true, "a request for resources leaves, and its trace is shown");

  // offered: the form stands on the request
  await xz.officer.page.goto(`${xz.officer.city.url}/inbox`);
  await arrives(xz.officer, request);
  await step(xz.officer, request, "offer");
  const from = xz.officer.page;
  check(await from.isVisible("text=针对"), "an answer says what it answers");
  const lines = await from.locator("fieldset[id^='f-body-lines-']").count();
  const offers = { answer: "OFFER", description: "徐州危化品救援队", earliest_departure: inHours(1), eta: inHours(2), available_until: inHours(24), "cost_estimate.amount": "12000", "cost_estimate.basis": "人工与车辆", type_level: "1" };
  let line = 0;
  for (; (await from.locator(`[name="body.lines[${line}].answer"]`).count()) > 0; line += 1) {
    for (const [name, text] of Object.entries(offers)) await fill(from, `body.lines[${line}].${name}`, text);
  }
  check(line > 0 && lines > 0, "each item that is asked for has its line in the offer");
  await picture(from, "compose-offer");
  await review(from);
  await picture(from, "compose-second-person");
  const offer = await release(xz.officer, xz.leader);
  check(true, "a second person signs it off from a session of their own");

  // ordered
  await page.goto(`${ly.officer.city.url}/resources`);
  await page.waitForSelector(".column.offered .card-item");
  check(true, "on the board the need stands among what is offered");
  await picture(page, "resources");
  await step(ly.officer, offer, "accept");
  const order = Object.entries(world.example("resource-decision")).filter(([name]) => /funding|mission_brief|report_to/.test(name));
  for (const [name, text] of order) await fill(page, name, text);
  await review(page);
  const ordered = await release(ly.officer, ly.leader);
  await page.goto(`${ly.officer.city.url}/m/${offer}`);
  check((await page.locator("button[name=step][value=accept]").count()) === 0, "what is ordered is not offered to be ordered again");

  // promised
  await from.goto(`${xz.officer.city.url}/inbox`);
  await arrives(xz.officer, ordered);
  await step(xz.officer, ordered, "commit");
  const commits = Object.entries(world.example("resource-commitment")).filter(([name]) => !/_id$|resources|departure|eta/.test(name));
  for (const [name, text] of [...commits, ["body.departure_planned", inHours(1)], ["body.eta", inHours(2)]]) await fill(from, name, text);
  for (let at = 0; (await from.locator(`[name="body.resources[${at}].resource_id"]`).count()) > 0; at += 1) {
    await fill(from, `body.resources[${at}].resource_id`, `320300-T-000${at + 1}`);
  }
  await review(from);
  const mission = await release(xz.officer, xz.leader);

  // sent, there, on the way home, home: each moves the card on both boards by itself
  await page.goto(`${ly.officer.city.url}/resources?incident=&all=1`);
  await page.waitForSelector(".column.committed .card-item >> text=320300-");
  for (const [name, column] of [["departed", "moving"], ["arrived", "arrived"], ["returning", "returned"], ["returned", "returned"]]) {
    await step(xz.manager, mission, name);
    await review(xz.manager.page);
    await release(xz.manager);
    await page.waitForSelector(`.column.${column} .card-item >> text=320300-`);
    check(true, `reported as ${name}, the card moves by itself on the other side`);
    if (name === "departed") await picture(page, "resources-moving");
  }
  await page.waitForFunction(() => document.querySelector(".column.returned")?.textContent?.includes("已返回"));
  check(true, "it is home on both sides");
  await page.goto(`${ly.officer.city.url}/resources/${request}`);
  check((await page.locator(".slip").count()) >= 6, "the page of the request has its three parts");
  await picture(page, "resource-request");
  return { request, mission };
}
