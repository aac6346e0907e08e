/** Counts what Node does on other threads for those who sign and verify, which takes no certain number of turns. */
export function watchThinking(): { isThinking(): boolean; stop(): void } {
  const { subtle } = globalThis.crypto
  const prototype = Object.getPrototypeOf(subtle) as typeof subtle
  const methods = ['importKey', 'sign', 'verify', 'digest'] as const
  const originals = methods.map((method) => [method, prototype[method]] as const)
  let count = 0
  for (const [method, original] of originals)
    Object.defineProperty(prototype, method, {
      configurable: true,
      writable: true,
      value: async (...args: unknown[]) => {
        count += 1
        try {
          return await Reflect.apply(original, subtle, args)
        } finally {
          count -= 1
        }
      },
    })
  return {
    isThinking: () => count > 0,
    stop: () => {
      for (const [method, original] of originals)
        Object.defineProperty(prototype, method, {
          configurable: true,
          writable: true,
          value: original,
        })
    },
  }
}
