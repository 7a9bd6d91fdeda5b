/** Jobs by urgency (1 is the most urgent), and in the order they came where that is equal. */
class Queue {
  #jobs = [];
  #count = 0;

  push(job) {
    this.#count += 1;
    this.#jobs.push({ ...job, at: this.#count });
    this.#jobs.sort((left, right) => left.urgency - right.urgency || left.at - right.at);
    return this.#jobs.length;
  }

  take() {
    const job = this.#jobs.shift();
    return job === undefined ? null : job.name;
  }

  get size() {
    return this.#jobs.length;
  }
}

module.exports = { Queue };
