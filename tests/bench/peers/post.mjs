// What every peer does with a job: POST its body by undici over kept connections; anything
// but 200 fails the job. Each program is called as
//	node NAME.mjs URL COUNT BODY-FILE
// and prints {"enqueue": seconds, "all": seconds} from the first job put to the last done.
import { readFileSync } from 'node:fs';
import { Pool } from 'undici';

export const CONCURRENCY = 50;
export const [url, count, body] = [process.argv[2], Number(process.argv[3]),
	readFileSync(process.argv[4], 'utf8')];

const target = new URL(url);
const pool = new Pool(target.origin, { connections: CONCURRENCY });

export async function post(text) {
	const answer = await pool.request({ path: target.pathname, method: 'POST', body: text,
		headers: { 'content-type': 'application/json' } });
	await answer.body.dump();
	if (answer.statusCode !== 200)
		throw new Error(`status ${answer.statusCode}`);
}

export function* batches(size) {
	for (let at = 0; at < count; at += size)
		yield Array.from({ length: Math.min(size, count - at) }, (_, i) => at + i);
}

const seconds = (since) => Number(process.hrtime.bigint() - since) / 1e9;

// enqueue() puts all jobs; work(done) delivers them and calls done() for each.
export async function measure(enqueue, work) {
	const begin = process.hrtime.bigint();
	await enqueue();
	const enqueued = seconds(begin);
	let left = count;
	await new Promise((resolve, reject) => {
		work(() => --left || resolve(), reject).catch?.(reject);
	});
	console.log(JSON.stringify({ enqueue: enqueued, all: seconds(begin) }));
	process.exit(0);
}
