import { spawnSync } from 'node:child_process'
import fs, { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { pause } from '#shared/client/retry.ts'
import { withoutPauses } from '#shared/client/without-pauses.ts'
import { anyProcess } from '#shared/files/any-process.ts'
import { takeLock } from '#shared/files/lock.ts'
import type { Context } from '../context.ts'
import { tempDir } from '../testing.ts'
import { alone } from './alone.ts'

/** A user with a folder for what is kept of them. */
function user() {
  const cwd = tempDir()
  const stop = new AbortController()
  const env = { KNIT_PROFILE_STORE: join(cwd, 'store') }
  const ctx = { env, flags: {}, cwd, home: cwd, signal: stop.signal } as unknown as Context
  const lock = join(cwd, 'store.sessions.lock')
  const hold = (holder: object) =>
    writeFileSync(lock, JSON.stringify({ ...anyProcess.own(), ...holder }))
  return { ctx, cwd, lock, hold, stop }
}

test('of many who want to at once, one does it after the other', async () => {
  withoutPauses()
  const { ctx, cwd } = user()
  const steps: string[] = []
  const work = (name: string) =>
    alone(ctx, async () => {
      steps.push(`${name} begins`)
      await pause(1000)
      steps.push(`${name} ends`)
      return name
    })
  expect(await Promise.all(['a', 'b', 'c'].map(work))).toEqual(['a', 'b', 'c'])
  const turn = ['begins', 'ends']
  expect(steps.map((step) => step.split(' ')[1])).toEqual([...turn, ...turn, ...turn])
  expect(readdirSync(cwd)).toEqual([])
})

test('who fails lets others have it', async () => {
  const { ctx, lock } = user()
  const failing = alone(ctx, () => Promise.reject(new Error('no')))
  await expect(failing).rejects.toThrow('no')
  expect(existsSync(lock)).toBe(false)
})

test('who was killed while they had it keeps nobody waiting', async () => {
  const { ctx, hold } = user()
  const { pid } = spawnSync(process.execPath, ['--version'])
  hold({ id: 'killed', pid })
  // A pause would end it.
  expect(await alone({ ...ctx, signal: AbortSignal.abort() }, () => 'done')).toBe('done')
})

test('who was stopped while they had it keeps others waiting for 15 seconds, and takes nothing from them later', async () => {
  const { ctx, lock } = user()
  const stopped = takeLock(lock, anyProcess)
  withoutPauses()
  const pauses = vi.spyOn(globalThis, 'setTimeout')
  onTestFinished(() => pauses.mockRestore())
  await alone(ctx, () => {
    if ('release' in stopped) stopped.release()
    expect(existsSync(lock)).toBe(true)
  })
  const waited = pauses.mock.calls.reduce((sum, [, millis]) => sum + Number(millis), 0)
  expect(waited).toBe(15_100)
  expect(existsSync(lock)).toBe(false)
})

test('where one takes it after the other nobody waits for ever', async () => {
  withoutPauses()
  const { ctx, hold } = user()
  const over = new AbortController()
  const others = async () => {
    for (let id = 0; !over.signal.aborted; id += 1) {
      hold({ id: `other ${id}` })
      await pause(70)
    }
  }
  const busy = others()
  await expect(alone(ctx, () => 'done')).rejects.toThrow(
    'others of your commands have been renewing your sign-in for 15 seconds',
  )
  over.abort()
  await busy
})

test('Ctrl-C ends the wait', async () => {
  const { ctx, hold, stop } = user()
  hold({ id: 'stopped' })
  const waiting = alone(ctx, () => 'done')
  stop.abort(new Error('Ctrl-C'))
  await expect(waiting).rejects.toThrow('Ctrl-C')
})

test('a file system without links, or one that is only read, keeps nobody from it', async () => {
  const { ctx, cwd } = user()
  const { linkSync } = fs
  onTestFinished(() => {
    fs.linkSync = linkSync
    syncBuiltinESMExports()
  })
  for (const code of ['EPERM', 'EOPNOTSUPP', 'EROFS']) {
    fs.linkSync = () => {
      throw Object.assign(new Error('no'), { code })
    }
    syncBuiltinESMExports()
    expect(await alone(ctx, () => 'done')).toBe('done')
    expect(readdirSync(cwd)).toEqual([])
  }
})
