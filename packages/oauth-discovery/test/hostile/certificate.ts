// Made up for these tests and good for nothing else: names under .example, signed by its own key, until 2120.
export const key = `-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIFgLB+O5griv2g9DaktH5ET6b2+ENG8f+xPll5mlikic
-----END PRIVATE KEY-----`
export const certificate = `-----BEGIN CERTIFICATE-----
MIIBUzCCAQWgAwIBAgIBATAFBgMrZXAwDzENMAsGA1UEAwwEdGVzdDAgFw0yMDAx
MDEwMDAwMDBaGA8yMTIwMDEwMTAwMDAwMFowDzENMAsGA1UEAwwEdGVzdDAqMAUG
AytlcAMhAID4B5zm9qdMpgVAXiaRCPUa4/ZLtfOM5lbaLfJsm26Go4GDMIGAMF8G
A1UdEQRYMFaCCnJzLmV4YW1wbGWCCmFzLmV4YW1wbGWCDGV2aWwuZXhhbXBsZYIP
cmVib3VuZC5leGFtcGxlgg1taXhlZC5leGFtcGxlgg5pbndhcmQuZXhhbXBsZTAd
BgNVHQ4EFgQU/siWHKLJAPisKwNwzFXYCg2sPJAwBQYDK2VwA0EAfzj0ClhWid8y
NMiZPME1Re6FifJibKrD9BtDMDL2U8egZAbD5V1W0n7lNbLj8F1AgGmvBr7feVuO
FtaXMsZ9Ag==
-----END CERTIFICATE-----`
