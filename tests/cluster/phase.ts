import { spawn, type ChildProcess } from 'node:child_process'

const root = new URL('../../', import.meta.url).pathname

/** Says what is done now, and how long it took once it is. */
export async function phase<T>(what: string, work: () => Promise<T>): Promise<T> {
  const began = performance.now()
  console.log(`… ${what}`)
  try {
    return await work()
  } finally {
    console.log(`  ${((performance.now() - began) / 1000).toFixed(1)} s  ${what}`)
  }
}

/** What people can mend: of a program that ended with another code than 0, what it said last. */
export class Failed extends Error {
  override readonly name = 'Failed'
}

/** Runs a program in the folder of the project and answers what it prints; what it says beside goes where ours does. */
export async function run(words: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  const [file = '', ...args] = words
  const child = spawn(file, args, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const code = await ended(child)
  if (code !== 0) throw new Failed(`${words.join(' ')} ended with ${code}\n${output.trimEnd()}`)
  return output.trimEnd()
}

/** Runs a program that people watch, and answers its exit code. */
export async function show(words: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<number> {
  const [file = '', ...args] = words
  const child = spawn(file, args, { cwd: root, env: { ...process.env, ...env }, stdio: 'inherit' })
  return ended(child)
}

const ended = (child: ChildProcess): Promise<number> =>
  new Promise((resolve, reject) => {
    child.once('error', (error) => reject(new Failed(error.message)))
    child.once('close', (code) => resolve(code ?? 1))
  })
