import { testTaking } from '#tests/support/dead-events.ts'
import replay from './function.ts'

testTaking(replay, { path: '/api/admin/events/replay', done: 'replayed', published: 1 })
