// BullMQ over Redis. REDIS is its port.
import { Queue, Worker } from 'bullmq';
import { batches, body, CONCURRENCY, measure, post } from './post.mjs';

const connection = { host: '127.0.0.1', port: Number(process.env.REDIS), maxRetriesPerRequest: null };
const queue = new Queue('bench', { connection });

async function enqueue() {
	for (const batch of batches(1000))
		await queue.addBulk(batch.map((i) => ({ name: 'deliver', data: { i, body },
			opts: { attempts: 5, removeOnComplete: true } })));
}

async function work(done, failed) {
	const worker = new Worker('bench', (job) => post(job.data.body),
		{ connection, concurrency: CONCURRENCY });
	worker.on('completed', done);
	worker.on('failed', (job, e) => failed(e));
}

await measure(enqueue, work);
