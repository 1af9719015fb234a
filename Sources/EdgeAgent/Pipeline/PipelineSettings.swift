internal import InferenceRuntime
package import SensorIO

/// What a pipeline is told before it starts; a reload may change which predictions it publishes, nothing else.
package struct PipelineSettings: Sendable {
    /// Which scores are published beside alerts.
    package enum Predictions: Sendable, Equatable {
        case off
        /// Every nth evaluation of the pipeline.
        case everyNth(Int)
    }

    /// The topics that events go to; the only variable of each is the asset's key.
    package struct Topics: Sendable {
        package var alerts: TopicTemplate
        package var states: TopicTemplate
        package var predictions: TopicTemplate
        /// The agent's own alerts about this pipeline, and how they stand; without variables.
        package var agentAlerts: TopicTemplate
        package var agentStates: TopicTemplate

        package init(
            alerts: TopicTemplate, states: TopicTemplate, predictions: TopicTemplate,
            agentAlerts: TopicTemplate, agentStates: TopicTemplate
        ) {
            self.alerts = alerts
            self.states = states
            self.predictions = predictions
            self.agentAlerts = agentAlerts
            self.agentStates = agentStates
        }
    }

    /// How the pipeline's thread is scheduled; all off by default.
    package struct Scheduling: Sendable, Equatable {
        /// SCHED_FIFO at this priority.
        package var fifoPriority: Int?
        /// The processor that the thread is pinned to.
        package var processor: Int?

        package init(fifoPriority: Int? = nil, processor: Int? = nil) {
            self.fifoPriority = fifoPriority
            self.processor = processor
        }
    }

    package var name: String
    package var agent: String
    package var boot: UInt64
    /// Where the sensors publish.
    package var sensors: MQTTEndpoint
    /// Where live alerts are published from this thread; nil when the uplink is another broker.
    package var alerts: MQTTEndpoint?
    package var filters: [TopicFilter]
    /// The asset key of each filter.
    package var keys: [TopicKey]
    /// The capture that names the channel, for each filter; nil where the payload does.
    package var channelCaptures: [Int?]
    package var qualityOfService: MQTTQualityOfService
    package var payload: PayloadDescription
    package var assets: AssetLimits
    package var budgetNanoseconds: UInt64
    package var onOverrun: OverrunPolicy
    package var budgetAlert = BudgetAlertPolicy.standard
    package var topics: Topics
    package var predictions: Predictions
    /// `atMostOnce`: predictions are sent once or not at all, and never kept.
    package var predictionsQualityOfService = MQTTQualityOfService.atLeastOnce
    /// How long a record is worth sending; 0: for ever.
    package var expirySeconds: UInt32
    package var scheduling: Scheduling

    package init(
        name: String, agent: String, boot: UInt64, sensors: MQTTEndpoint, alerts: MQTTEndpoint?,
        filters: [TopicFilter], keys: [TopicKey], channelCaptures: [Int?],
        qualityOfService: MQTTQualityOfService, payload: PayloadDescription, assets: AssetLimits,
        budgetNanoseconds: UInt64, onOverrun: OverrunPolicy,
        topics: Topics, predictions: Predictions = .off, expirySeconds: UInt32 = 0,
        scheduling: Scheduling = Scheduling()
    ) {
        precondition(
            filters.count == keys.count && filters.count == channelCaptures.count,
            "Each filter has a key and, perhaps, a channel.")
        self.name = name
        self.agent = agent
        self.boot = boot
        self.sensors = sensors
        self.alerts = alerts
        self.filters = filters
        self.keys = keys
        self.channelCaptures = channelCaptures
        self.qualityOfService = qualityOfService
        self.payload = payload
        self.assets = assets
        self.budgetNanoseconds = budgetNanoseconds
        self.onOverrun = onOverrun
        self.topics = topics
        self.predictions = predictions
        self.expirySeconds = expirySeconds
        self.scheduling = scheduling
    }
}
