import { serve, type ServedFunction } from '#shared/runtime/serve.ts'

// Starts a function from its source, with all that it imports: what a bundle is compared with.
const [path = ''] = process.argv.slice(2)
const { default: fn } = (await import(path)) as { default: ServedFunction }
serve(fn)
