import { AsyncLocalStorage } from 'node:async_hooks'
import type { FileHandle } from 'node:fs/promises'

/** A call to the file system. */
export type FileCall = {
  /** The function, however it is called: `rename`, `open`. */
  name: string
  arguments: readonly unknown[]
  /** What is open already and meant by it. */
  of?: string
}

/** What becomes of a call that fails: nothing was done, a part of it, or all, and nobody heard. */
export type FileFault = { error: Error; done: 'nothing' | 'half' | 'all' }

/** Decides whether a call fails. */
export type FileGate = (call: FileCall) => FileFault | undefined

const gates = new AsyncLocalStorage<FileGate>()

/** Every call to the file system that comes of some work passes a gate, in modules for which it is `behindGate`. */
export const throughGate = <T>(gate: FileGate, work: () => Promise<T>): Promise<T> =>
  gates.run(gate, work)

type AnyFunction = (...args: unknown[]) => unknown

/** `node:fs`, or `node:fs/promises`, behind the gate: for `vi.mock`. */
export function behindGate(module: object): Record<string, unknown> {
  const fs = Object.fromEntries(
    Object.entries(module).map(([name, part]) => [
      name,
      isCall(name, part) ? gated(name, part) : part,
    ]),
  )
  return { ...fs, default: fs }
}

// Of classes and of what tells of changes nothing is asked of a disk.
const isCall = (name: string, part: unknown): part is AnyFunction =>
  typeof part === 'function' && /^[a-z]/.test(name) && !/^(un)?watch/.test(name)

/** As a proxy, because `promisify` looks for what such a function has besides. */
const gated = (name: string, call: AnyFunction, of?: string): AnyFunction =>
  new Proxy(call, {
    apply(_, self, args: unknown[]) {
      const plain = name.replace(/Sync$/, '')
      const fault = gates.getStore()?.({ name: plain, arguments: args, ...(of && { of }) })
      const make = (...given: unknown[]): unknown => Reflect.apply(call, self, given)
      const style =
        plain !== name ? atOnce : typeof args.at(-1) === 'function' ? byCallback : byPromise
      return style(plain, args, make, fault)
    },
  })

type Style = (name: string, args: unknown[], make: AnyFunction, fault?: FileFault) => unknown

const atOnce: Style = (name, args, make, fault) => {
  if (!fault) return make(...args)
  if (fault.done !== 'nothing') forget(name, make(...partly(args, fault)))
  // It answers that there is no such file whatever happens.
  if (name === 'exists') return false
  throw fault.error
}

const byPromise: Style = async (name, args, make, fault) => {
  const made = fault?.done === 'nothing' ? undefined : await make(...partly(args, fault))
  if (!fault) return name === 'open' ? gatedHandle(made as FileHandle, String(args[0])) : made
  if (name === 'open') await (made as FileHandle | undefined)?.close()
  throw fault.error
}

const byCallback: Style = (name, args, make, fault) => {
  if (!fault) return make(...args)
  const tell = args.at(-1) as (error: Error) => void
  if (fault.done === 'nothing') return process.nextTick(tell, fault.error)
  return make(...partly(args.slice(0, -1), fault), (_error: unknown, made: unknown) => {
    forget(name, made)
    tell(fault.error)
  })
}

/** Nobody has the descriptor of a file whose opening was not heard of. */
function forget(name: string, made: unknown): void {
  if (name === 'open') process.getBuiltinModule('node:fs').closeSync(made as number)
}

/** What is half done has made the file, with half of what was to be in it. */
function partly(args: unknown[], fault?: FileFault): unknown[] {
  const [path, content, ...rest] = args
  if (fault?.done !== 'half' || typeof content !== 'string') return args
  return [path, content.slice(0, content.length / 2), ...rest]
}

const gatedHandle = (handle: FileHandle, path: string): FileHandle =>
  new Proxy(handle, {
    get(_, name) {
      const part: unknown = Reflect.get(handle, name)
      if (typeof part !== 'function' || typeof name !== 'string') return part
      const call = part.bind(handle) as AnyFunction
      return isCall(name, part) ? gated(name, call, path) : call
    },
  })
