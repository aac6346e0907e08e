import { spawn } from 'node:child_process'
import { constants } from 'node:os'

const passedOn = /** @type {const} */ (['SIGTERM', 'SIGHUP', 'SIGINT'])

/**
 * Runs a program on this terminal in our place: it gets the signals we get, and its exit code is answered.
 * Ctrl-C reaches it from the terminal itself, so that one is passed on only where there is none. What it prints is for `read`, if given.
 *
 * @param {readonly string[]} words
 * @param {{ env?: Record<string, string | undefined>, cwd?: string, read?: (text: string) => void }} [world]
 * @returns {Promise<number>}
 */
export function runInForeground([file = '', ...args], { env, cwd, read } = {}) {
  const child = spawn(file, args, {
    stdio: ['inherit', read ? 'pipe' : 'inherit', 'inherit'],
    env,
    cwd,
  })
  if (read) child.stdout?.setEncoding('utf8').on('data', read)
  /** @param {NodeJS.Signals} signal */
  const passOn = (signal) => {
    if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal)
  }
  for (const signal of passedOn) process.on(signal, passOn)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => {
      for (const signal of passedOn) process.off(signal, passOn)
      resolve(code ?? 128 + (signal ? constants.signals[signal] : 0))
    })
  })
}
