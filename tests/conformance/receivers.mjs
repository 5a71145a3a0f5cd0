// Receivers as people run them: each path is one library's own verifier, on loopback.
//
//	node receivers.mjs DIR		prints {"port": N}, then a line of JSON a request
//
// DIR/secrets.json has what each checks with; argv[3] may name a folder of CDEvents
// schemas. A request that its verifier refuses is answered with 4xx, as that library does
// it or as its documentation shows.
import { createServer } from "node:http";
import { createRequire } from "node:module";
import crypto from "node:crypto";
import fs from "node:fs";
import path from "node:path";

const [, , dir, cdeventsDir] = process.argv;
const modules = process.env.REFIRE_CONFORMANCE_MODULES;
const require = createRequire(path.join(modules, "x.js"));
const secrets = JSON.parse(fs.readFileSync(path.join(dir, "secrets.json")));

const { Webhooks, createNodeMiddleware } = await import(path.join(modules,
  "node_modules/@octokit/webhooks/dist-bundle/index.js"));
const githubHandler = require("github-webhook-handler");
const gitlabHandler = require("gitlab-webhook-handler");
const { Webhook } = require("standardwebhooks");
const { HTTP } = require("cloudevents");
const Ajv = require("ajv");
const Ajv2020 = require("ajv/dist/2020");
const addFormats = require("ajv-formats");

// ---- schemas ----

const githubSchemas = new Ajv({ strict: false, allErrors: false });
addFormats(githubSchemas);
githubSchemas.addSchema(require("@octokit/webhooks-schemas/schema.json"), "github");

function githubErrors(event, body) {
  const check = githubSchemas.getSchema(`github#/definitions/${event}$event`)
    || githubSchemas.getSchema(`github#/definitions/${event}_event`);
  if (!check) return `no schema of ${event}`;
  return check(body) ? "" : githubSchemas.errorsText(check.errors);
}

const cdevents = new Map();
if (cdeventsDir) {
  const ajv = new Ajv2020({ strict: false });
  addFormats(ajv);
  const links = path.join(cdeventsDir, "schemas/links");
  const read = (file) => JSON.parse(fs.readFileSync(file));
  for (const name of fs.readdirSync(links)) ajv.addSchema(read(path.join(links, name)));
  for (const name of ["branchcreated", "branchdeleted", "changemerged"]) {
    const schema = read(path.join(cdeventsDir, "schemas", `${name}.json`));
    cdevents.set(schema.properties.context.properties.type.enum[0], ajv.compile(schema));
  }
  cdevents.set("custom", ajv.compile(read(path.join(cdeventsDir, "custom/schema.json"))));
}

function cdeventErrors(body) {
  if (!cdeventsDir) return "";
  const { type } = body.context;
  const check = cdevents.get(type) || (type.startsWith("dev.cdeventsx.") && cdevents.get("custom"));
  if (!check) return `no schema of ${type}`;
  return check(body) ? "" : JSON.stringify(check.errors);
}

// ---- what each path does: returns what to log, or throws ----

const octokit = new Webhooks({ secret: secrets.github });
const octokitMiddleware = createNodeMiddleware(octokit, { path: "/octokit", log: silent() });
let seenByOctokit;
octokit.onAny((event) => { seenByOctokit = { event: event.name, body: event.payload }; });

function silent() {
  const none = () => {};
  return { debug: none, info: none, warn: none, error: none };
}

function emitterReceiver(create, options) {
  const handler = create(options);
  let seen;
  handler.on("error", () => {});
  handler.on("*", (event) => { seen = { event: event.event, body: event.payload }; });
  return (req, res) => new Promise((resolve) => {
    res.on("finish", () => { const got = seen; seen = undefined; resolve(got || {}); });
    handler(req, res, (err) => { if (!res.writableEnded) { res.statusCode = 404; res.end(); } });
  });
}

const githubReceiver = emitterReceiver(githubHandler,
  { path: "/github-webhook-handler", secret: secrets.github });
const giteaReceiver = emitterReceiver(githubHandler, { path: "/gitea", secret: secrets.gitea });
const gitlabReceiver = emitterReceiver(gitlabHandler, { path: "/gitlab" });

function equal(a, b) {
  const x = Buffer.from(a || ""), y = Buffer.from(b || "");
  return x.length === y.length && crypto.timingSafeEqual(x, y);
}

// v1a, which no library checks: the specification's own recipe with node:crypto
function verifyV1a(headers, raw) {
  const key = crypto.createPublicKey({ key: Buffer.from(secrets.v1aPublic, "base64"),
    format: "der", type: "spki" });
  const content = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${raw}`;
  const signatures = headers["webhook-signature"].split(" ")
    .filter((s) => s.startsWith("v1a,")).map((s) => Buffer.from(s.slice(4), "base64"));
  if (!signatures.some((s) => crypto.verify(null, Buffer.from(content), key, s)))
    throw new Error("no v1a signature of ours");
  return JSON.parse(raw);
}

function cloudevent(headers, raw) {
  const event = HTTP.toEvent({ headers, body: raw });
  if (Array.isArray(event)) throw new Error("a batch");
  event.validate();
  const { specversion, id, source, type, subject, time, datacontenttype } = event;
  return { attributes: { specversion, id, source, type, subject, time, datacontenttype },
    body: event.data };
}

function hmacOf(secret, raw) {
  return `sha256=${crypto.createHmac("sha256", secret).update(raw).digest("hex")}`;
}

const raws = {
  "/github-schema": (headers, raw) => {
    const body = JSON.parse(raw), event = headers["x-github-event"];
    const errors = githubErrors(event, body);
    if (errors) throw new Error(errors);
    return { event, body };
  },
  "/standard": (headers, raw) => ({ body: new Webhook(secrets.standard).verify(raw, headers) }),
  "/standard-old": (headers, raw) => ({ body: new Webhook(secrets.standardOld).verify(raw, headers) }),
  "/standard-v1a": (headers, raw) => ({ body: verifyV1a(headers, raw) }),
  "/cloudevents": cloudevent,
  "/cloudevents-binary": cloudevent,
  "/cdevents": (headers, raw) => {
    const got = cloudevent(headers, raw), errors = cdeventErrors(got.body);
    if (errors) throw new Error(errors);
    return got;
  },
  "/codecommit": (headers, raw) => {
    if (!equal(headers["x-hub-signature-256"], hmacOf(secrets.codecommit, raw)))
      throw new Error("the signature differs");
    return { body: JSON.parse(raw) };
  },
  "/gitea-signature": (headers, raw) => {
    const want = hmacOf(secrets.gitea, raw).slice(7);
    if (!equal(headers["x-gitea-signature"], want) || !equal(headers["x-gogs-signature"], want))
      throw new Error("the signature differs");
    const body = JSON.parse(raw);
    if (!body.repository || !body.ref) throw new Error("Invalid JSON payload received over webhook");
    if (raw.split("\n").length !== JSON.stringify(body, null, 2).split("\n").length)
      throw new Error("not indented as Gitea's");
    return { event: headers["x-gitea-event"], body };
  },
  "/gitlab-token": (headers, raw) => {
    if (!equal(headers["x-gitlab-token"], secrets.gitlab)) throw new Error("the token differs");
    new Webhook(secrets.standard).verify(raw, headers);
    if (headers["webhook-id"] !== headers["idempotency-key"]) throw new Error("two ids");
    return { event: headers["x-gitlab-event"], body: JSON.parse(raw) };
  },
};

// ---- the server ----

function log(req, res, got, error) {
  console.log(JSON.stringify({ path: req.url, status: res.statusCode, error,
    delivery: req.headers["x-refire-delivery"], headers: req.headers, ...got }));
}

async function readAll(req) {
  const pieces = [];
  for await (const piece of req) pieces.push(piece);
  return Buffer.concat(pieces).toString("utf8");
}

async function verifyRaw(req, res, verify) {
  const raw = await readAll(req);
  try {
    const got = verify(req.headers, raw);
    res.statusCode = 204;
    res.end();
    log(req, res, got);
  } catch (e) {
    res.statusCode = 401;
    res.end(String(e.message));
    log(req, res, {}, String(e.message));
  }
}

async function handle(req, res) {
  if (req.url === "/octokit") {
    seenByOctokit = undefined;
    await octokitMiddleware(req, res);
    return log(req, res, seenByOctokit);
  }
  if (req.url === "/github-webhook-handler") return log(req, res, await githubReceiver(req, res));
  if (req.url === "/gitea") return log(req, res, await giteaReceiver(req, res));
  if (req.url === "/gitlab") return log(req, res, await gitlabReceiver(req, res));
  if (raws[req.url]) return verifyRaw(req, res, raws[req.url]);
  res.statusCode = 404;
  return res.end();
}

const server = createServer((req, res) => {
  handle(req, res).catch((e) => { res.statusCode = 500; res.end(String(e)); log(req, res, {}, String(e)); });
});
server.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ port: server.address().port })));
