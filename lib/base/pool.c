#include "base/pool.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"

struct job {
	void	(*fn)(void *arg);
	void	*arg;
};

struct pool {
	pthread_mutex_t lock;
	pthread_cond_t more;
	pthread_t *thread;	/* owned */
	unsigned n, most, idle;
	struct job *job;	/* a ring; owned */
	size_t	 first, waiting, room;
	bool	 ending;
};

struct pool *
pool_new(unsigned most, size_t waiting)
{
	struct pool *p = mem_zero(1, sizeof *p);

	p->most = most;
	p->room = waiting;
	p->thread = mem_zero(most, sizeof *p->thread);
	p->job = mem_zero(waiting, sizeof *p->job);
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->more, NULL);
	return p;
}

static void *
work(void *arg)
{
	struct pool *p = arg;

	pthread_mutex_lock(&p->lock);
	for (;;) {
		struct job j;

		p->idle++;
		while (p->waiting == 0 && !p->ending)
			pthread_cond_wait(&p->more, &p->lock);
		p->idle--;
		if (p->waiting == 0)
			break;
		j = p->job[p->first];
		p->first = (p->first + 1) % p->room;
		p->waiting--;
		pthread_mutex_unlock(&p->lock);
		j.fn(j.arg);
		pthread_mutex_lock(&p->lock);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

bool
pool_run(struct pool *p, void (*fn)(void *arg), void *arg)
{
	bool ok;

	pthread_mutex_lock(&p->lock);
	ok = p->waiting < p->room && !p->ending;
	if (ok) {
		p->job[(p->first + p->waiting++) % p->room] = (struct job){ fn, arg };
		if (p->idle < p->waiting && p->n < p->most && pthread_create(&p->thread[p->n], NULL, work, p) == 0)
			p->n++;
		ok = p->n > 0;	/* else there is no thread at all, and no job but this one */
		if (!ok)
			p->waiting--;
		pthread_cond_signal(&p->more);
	}
	pthread_mutex_unlock(&p->lock);
	return ok;
}

void
pool_free(struct pool *p)
{
	pthread_mutex_lock(&p->lock);
	p->ending = true;
	pthread_cond_broadcast(&p->more);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->n; i++)
		pthread_join(p->thread[i], NULL);
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->more);
	free(p->thread);
	free(p->job);
	free(p);
}
