// A whole Bluesky network on this machine; says "ready" once it answers. Ports: PDS, AppView, PLC, Ozone.
import { TestNetwork } from '@atproto/dev-env'

const [pds, bsky, plc, ozone] = process.argv.slice(2).map(Number)
await TestNetwork.create({
  dbPostgresSchema: 'devnet',
  pds: { port: pds, hostname: 'localhost', rateLimitsEnabled: true },
  bsky: { port: bsky, publicUrl: `http://localhost:${bsky}` },
  plc: { port: plc },
  ozone: { port: ozone },
})
console.log('ready')
