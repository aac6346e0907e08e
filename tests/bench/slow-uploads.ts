import http from 'node:http'
import { buffer } from 'node:stream/consumers'
import { pack } from '#shared/archive/pack.ts'

/*
 * A program of its own, so that what it does takes no time of those who measure: so many uploads of a folder, each of a KiB a
 * second, until its parent has heard what it has sent.
 */

const [apiRoot = '', folder = '', count = ''] = process.argv.slice(2)
const piece = 1024
const pause = 1000

let [bytes, answered] = [0, 0]

function upload(archive: Buffer): void {
  const headers = { 'content-type': 'application/tar+gzip', 'transfer-encoding': 'chunked' }
  const request = http.request(`${apiRoot}/data?tag=bench:slow`, { method: 'POST', headers })
  const over = () => void (answered += 1)
  request.once('response', over).once('error', over)
  let at = 0
  setInterval(() => {
    request.write(archive.subarray(at, at + piece))
    at += piece
    bytes += piece
  }, pause)
}

const archive = await buffer(pack(folder))
for (let one = 0; one < Number(count); one += 1)
  setTimeout(() => upload(archive), (pause / Number(count)) * one)
process.on('message', () => {
  process.send?.({ bytes, answered })
})
process.once('disconnect', () => process.exit())
