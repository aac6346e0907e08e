import { expect, test, vi } from 'vitest'
import * as z from 'zod'
import { data, windowQuery } from './data.ts'
import { plans } from './plans.ts'
import { Problem, problems } from './problems.ts'
import { commaList, resource, route, routeFolder } from './route.ts'
import { runs } from './runs.ts'

const show = route(() => ({
  method: 'get',
  path: '/api/things',
  summary: '',
  role: 'viewer',
  response: z.string(),
  problems: [],
}))

test('a route is called resource.verb, and its folder and service after that', () => {
  expect(resource('things', { show }).show).toMatchObject({
    path: '/api/things',
    name: 'things.show',
  })
  expect(routeFolder({ name: 'things.show' })).toBe('things-show')
})

test('a route is made once, and not before somebody asks for it', () => {
  const spec = vi.fn(show)
  const things = resource('things', { show: spec })
  expect(Object.keys(things)).toEqual(['show'])
  expect(spec).not.toHaveBeenCalled()
  expect(things.show).toBe(things.show)
  expect(spec).toHaveBeenCalledOnce()
})

test('a list separated by commas has every element, and an empty one is checked like others', () => {
  const list = commaList(z.string().min(1))
  expect(list.parse('a,b,a')).toEqual(['a', 'b', 'a'])
  for (const wrong of ['', 'a,', ',a', 'a,,b']) expect(list.safeParse(wrong).success).toBe(false)
})

test('runs are searched by any status but invalidated', () => {
  const { query } = runs.find
  expect(query.parse({ status: 'done,failed' }).status).toEqual(['done', 'failed'])
  for (const status of ['invalidated', 'Done', 'done,', ' done'])
    expect(query.safeParse({ status }).success).toBe(false)
})

test('active is exactly true or false', () => {
  const { query } = plans.find
  expect(query.parse({}).active).toBeUndefined()
  expect(query.parse({ active: 'true' }).active).toBe(true)
  expect(query.parse({ active: 'false' }).active).toBe(false)
  for (const active of ['yes', 'TRUE', '1']) expect(query.safeParse({ active }).success).toBe(false)
})

test('the window of a search is a strict time and a duration', () => {
  const query = z.object(windowQuery)
  expect(query.parse({ since: '2026-01-02T03:04:05+09:00', duration: '1.5h' })).toEqual({
    since: new Date('2026-01-01T18:04:05Z'),
    duration: 5_400_000,
  })
  // What becomes of a + that was not escaped in a URL.
  expect(query.safeParse({ since: '2026-01-02T03:04:05 09:00' }).error?.issues[0]?.message).toMatch(
    /%2B/,
  )
  for (const wrong of [{ since: '2026-01-02' }, { duration: '1d' }, { duration: '3' }])
    expect(query.safeParse(wrong).success).toBe(false)
})

test('a tag of a search has a colon', () => {
  expect(data.find.query.parse({ tag: ['a:b:c'] }).tag).toEqual([{ key: 'a', value: 'b:c' }])
  expect(data.find.query.parse({}).tag).toEqual([])
  expect(data.find.query.safeParse({ tag: ['a'] }).success).toBe(false)
})

test('a problem says which of the table it is, and keeps its cause', () => {
  const cause = new Error('why')
  const problem = new Problem('run-not-found', 'There is no such run.', { cause })
  expect(problem).toMatchObject({ code: 'run-not-found', message: 'There is no such run.', cause })
  for (const [code, { status, title }] of Object.entries(problems)) {
    expect(code).toMatch(/^[a-z]+(-[a-z]+)*$/)
    expect(status).toBeGreaterThanOrEqual(400)
    expect(title).not.toBe('')
  }
})
