/** A port of which a function gets the calls it said it makes, and no other: what it may do in a cluster is derived from them. */
export function only<T extends object>(port: T, calls: readonly (keyof T)[]): T {
  return new Proxy(port, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      if (calls.includes(name as keyof T)) return value.bind(target)
      return async () => {
        throw new Error(`a function calls ${String(name)} and does not say so: name it in \`uses\``)
      }
    },
  })
}
