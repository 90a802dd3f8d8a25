# Contacts what this host must reach, for `veeamcheck merge`. Run it on that host:
#
#     powershell -ExecutionPolicy Bypass -File THIS-FILE > observations.json
#
# Every port gets its line on stderr; the result goes to stdout at the very end. It only opens TCP
# connections and closes them: nothing is sent, written or changed. UDP cannot be tested this way.
# It needs Windows PowerShell 5.1 or later and no modules.

if ($ExecutionContext.SessionState.LanguageMode -ne 'FullLanguage') {
    Write-Error ("This host restricts PowerShell ($($ExecutionContext.SessionState.LanguageMode)), which " +
        'keeps scripts from opening connections: nothing can be contacted. Sign this script as your ' +
        'policy asks, or run veeamcheck here.')
    exit 2
}
Set-StrictMode -Version 2
$ErrorActionPreference = 'Stop'

$task = @TASK@ | ConvertFrom-Json
$atOnce = 64         # connections; a new batch starts at most once a second
$rounds = 4, 4, 6    # seconds an attempt may take: Windows reports a refusal only after 2 to 3

$windows = [System.Environment]::OSVersion.Platform -eq 'Win32NT'

function Write-Progressed([string]$text) {
    [Console]::Error.WriteLine($text)
}

function New-Contact([int]$group, [string]$address, [int]$port) {
    [pscustomobject]@{ group = $group; address = $address; port = $port; signal = ''; said = '' }
}

function Set-Signal($contact, $failure) {
    # What a failed connection means: the words are those of `veeamcheck`.
    while ($failure -and $failure -isnot [System.Net.Sockets.SocketException]) {
        $failure = $failure.InnerException
    }
    $code = if ($failure) { [string]$failure.SocketErrorCode } else { 'unknown error' }
    $contact.said = ''
    switch ($code) {
        'ConnectionRefused' { $contact.signal = 'refused' }
        'ConnectionReset' { $contact.signal = 'refused' }
        'TimedOut' { $contact.signal = 'silent' }
        'HostUnreachable' { $contact.signal = 'unreachable'; $contact.said = $code }
        'HostDown' { $contact.signal = 'unreachable'; $contact.said = $code }
        'NetworkUnreachable' { $contact.signal = 'unreachable'; $contact.said = $code }
        default { $contact.signal = 'local-error'; $contact.said = $code }
    }
}

function Invoke-Batch($batch, [int]$seconds) {
    # One attempt at each of these ports, all at the same time.
    $open = @()
    foreach ($contact in $batch) {
        try {
            $ip = [System.Net.IPAddress]::Parse($contact.address)
            $client = New-Object System.Net.Sockets.TcpClient($ip.AddressFamily)
            $pending = $client.BeginConnect($ip, $contact.port, $null, $null)
            $open += , @{ contact = $contact; client = $client; pending = $pending }
        } catch {
            Set-Signal $contact $_.Exception
        }
    }
    $clock = [System.Diagnostics.Stopwatch]::StartNew()
    foreach ($each in $open) {
        $left = [Math]::Max(0, $seconds * 1000 - [int]$clock.ElapsedMilliseconds)
        try {
            if ($each.pending.AsyncWaitHandle.WaitOne([int]$left)) {
                $each.client.EndConnect($each.pending)
                $each.contact.signal = 'open'
                $each.contact.said = ''
            } else {
                $each.contact.signal = 'silent'
                $each.contact.said = ''
            }
        } catch {
            Set-Signal $each.contact $_.Exception
        } finally {
            $each.client.Close()
        }
    }
}

function Resolve-Signals($contacts) {
    # Contacts these ports, again where there was no answer, and gives each its signal.
    $left = @($contacts)
    foreach ($seconds in $rounds) {
        for ($first = 0; $first -lt $left.Count; $first += $atOnce) {
            if ($first -gt 0) { Start-Sleep -Seconds 1 }
            $last = [Math]::Min($first + $atOnce, $left.Count) - 1
            Invoke-Batch ($left[$first..$last]) $seconds
        }
        $left = @($left | Where-Object { 'open', 'refused' -notcontains $_.signal })
        if ($left.Count -eq 0) { break }
    }
    foreach ($contact in $contacts) {
        $more = if ($contact.said) { " ($($contact.said))" } else { '' }
        Write-Progressed "$($contact.address) port $($contact.port): $($contact.signal)$more"
    }
}

function Get-Between($contacts) {
    # Ports between neighbours of a range of which only one is clear (answered by its host).
    $before = $null
    foreach ($contact in @($contacts | Sort-Object -Property 'group', 'address', 'port')) {
        if ($before -and $contact.group -ne 0 -and $contact.group -eq $before.group -and
            $contact.address -eq $before.address) {
            $clear = 'open', 'refused' -contains $contact.signal
            $wasClear = 'open', 'refused' -contains $before.signal
            $gap = $contact.port - $before.port - 1
            if ($clear -ne $wasClear -and $gap -gt 0) {
                $points = [Math]::Min(7, $gap)
                for ($point = 1; $point -le $points; $point++) {
                    $step = [int][Math]::Floor($point * ($gap + 1) / ($points + 1))
                    New-Contact $contact.group $contact.address ($before.port + $step)
                }
            }
        }
        $before = $contact
    }
}

function Get-Now {
    [DateTime]::UtcNow.ToString('yyyy-MM-ddTHH:mm:ssZ', [System.Globalization.CultureInfo]::InvariantCulture)
}

# Names, once, before anything is contacted.
$start = Get-Now
$names = @{}
foreach ($name in @($task.names)) {
    try {
        $found = [System.Net.Dns]::GetHostAddresses($name)
        $names[$name] = @($found | ForEach-Object { $_.ToString() } | Select-Object -Unique)
    } catch {
        Write-Progressed "$name has no address"
        $names[$name] = @()
    }
}

$seen = @(
    foreach ($each in @($task.contacts)) {
        $addresses = if ($names.ContainsKey($each.address)) { $names[$each.address] } else { $each.address }
        foreach ($address in @($addresses)) {
            foreach ($port in @($each.ports)) { New-Contact $each.group $address $port }
        }
    }
)
Resolve-Signals $seen
while ($true) {
    $between = @(Get-Between $seen)
    if ($between.Count -eq 0) { break }
    Resolve-Signals $between
    $seen += $between
}

$own = @([System.Net.NetworkInformation.NetworkInterface]::GetAllNetworkInterfaces() |
        ForEach-Object { $_.GetIPProperties().UnicastAddresses } |
        ForEach-Object { $_.Address.ToString() })
$result = New-Object System.Collections.Specialized.OrderedDictionary
$result['schema_version'] = 1
$result['kind'] = 'observations'
$result['version'] = $task.version
$result['vantage'] = $task.vantage
$result['fingerprint'] = $task.fingerprint
$result['full_range'] = $task.full_range
$result['closed'] = @($task.closed)
$result['means'] = 'script: powershell'
$result['attributes'] = $windows
$result['start'] = $start
$result['end'] = Get-Now
$result['own_addresses'] = $own
$result['names'] = $names
$result['results'] = @($seen | Select-Object -Property 'address', 'port', 'signal', 'said')
ConvertTo-Json -InputObject $result -Depth 5
