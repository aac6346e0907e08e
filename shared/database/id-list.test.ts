import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { IdList } from './id-list.ts'

test.for([0, 1, 2, 3, 4, 7, 9])(
  '%i ids are given back in pages of three, as they were',
  (count) => {
    const ids = Array.from({ length: count }, () => randomUUID())
    const list = new IdList(3)
    for (const id of ids) list.push(id)
    const pages = [...list.pages()]
    expect(pages.flat()).toEqual(ids)
    expect(pages.map(({ length }) => length).slice(0, -1)).toEqual(pages.slice(1).map(() => 3))
    expect(list).toHaveLength(count)
  },
)
