// pg-boss over PostgreSQL: batches of 200 fetched, delivered and completed. PGURL is the
// database. completed jobs are archived by its maintenance, which does not run here.
import PgBoss from 'pg-boss';
import { batches, body, CONCURRENCY, measure, post } from './post.mjs';

const boss = new PgBoss({ connectionString: process.env.PGURL, max: 10, supervise: false, schedule: false });
await boss.start();
await boss.createQueue('bench');

async function enqueue() {
	for (const batch of batches(1000))
		await boss.insert(batch.map((i) => ({ name: 'bench', data: { i, body }, retryLimit: 5 })));
}

// Two batches under way, so that the network does not wait for the database.
async function work(done) {
	async function loop() {
		for (;;) {
			const jobs = await boss.fetch('bench', { batchSize: 200 });
			if (!jobs.length)
				return;
			const todo = jobs.slice();
			await Promise.all(Array.from({ length: CONCURRENCY / 2 }, async () => {
				while (todo.length)
					await post(todo.pop().data.body);
			}));
			await boss.complete('bench', jobs.map((job) => job.id));
			jobs.forEach(done);
		}
	}
	await Promise.all([loop(), loop()]);
}

await measure(enqueue, work);
