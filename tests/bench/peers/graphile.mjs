// graphile-worker over PostgreSQL, with its local queue. PGURL is the database.
import { Logger, makeWorkerUtils, run } from 'graphile-worker';
import { batches, body, CONCURRENCY, measure, post } from './post.mjs';

const preset = { worker: { connectionString: process.env.PGURL, concurrentJobs: CONCURRENCY,
	maxPoolSize: 10, pollInterval: 2000, localQueue: { size: 500 },
	completeJobBatchDelay: 0, failJobBatchDelay: 0,
	logger: new Logger(() => () => {}) } };
const utils = await makeWorkerUtils({ preset });
await utils.migrate();

async function enqueue() {
	for (const batch of batches(1000))
		await utils.addJobs(batch.map((i) => ({ identifier: 'deliver', payload: { i, body } })));
}

async function work(done, failed) {
	const runner = await run({ preset, taskList: { deliver: (payload) => post(payload.body) } });
	runner.events.on('job:complete', ({ error }) => error ? failed(error) : done());
}

await measure(enqueue, work);
