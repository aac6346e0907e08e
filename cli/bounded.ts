// More at a time would be served no sooner, and each needs a line of its own.
const usual = 8

/** A function that runs at most `most` calls of `ask` at a time, in the order they came. */
export function bounded<A, R>(
  ask: (arg: A) => Promise<R>,
  most: number = usual,
): (arg: A) => Promise<R> {
  const waiting: (() => void)[] = []
  let running = 0
  return async (arg) => {
    // Who ends hands its place over, so nobody can slip in between.
    if (running === most) await new Promise<void>((go) => waiting.push(go))
    else running += 1
    try {
      return await ask(arg)
    } finally {
      const next = waiting.shift()
      if (next) next()
      else running -= 1
    }
  }
}
